import { expect, test } from "vitest";
import { cameraBitrate, limitEncoding, limitTiles, type EncodingLimits } from "./pictureLimits";

function limited(limits: EncodingLimits, sourceHeight?: number, before: RTCRtpEncodingParameters = { active: true }) {
  const encoding = { ...before };
  return { changes: limitEncoding(encoding, sourceHeight, limits), encoding };
}

test("a picture is scaled down to its limit, and never up", () => {
  expect(limited({ height: 180 }, 720).encoding).toEqual({ active: true, scaleResolutionDownBy: 4 });
  expect(limited({ height: 720 }, 360).encoding).toEqual({ active: true, scaleResolutionDownBy: 1 });
  expect(limited({ height: 180 }).encoding.scaleResolutionDownBy).toBe(4);
});

test("a picture of no height is not sent, and is again when it may be", () => {
  const { encoding } = limited({ height: 0, maxBitrate: 500_000 }, 720);
  expect(encoding).toEqual({ active: false, scaleResolutionDownBy: 1, maxBitrate: 500_000 });
  expect(limited({ maxBitrate: 500_000 }, 720, encoding)).toMatchObject({ changes: true, encoding: { active: true } });
});

test("what is so already is not set again", () => {
  expect(limited({}, 720).changes).toBe(false);
  const { encoding, changes } = limited({ height: 180, maxBitrate: 150_000 }, 720);
  expect(changes).toBe(true);
  expect(limited({ height: 180, maxBitrate: 150_000 }, 720, encoding).changes).toBe(false);
  expect(limited({ height: 180 }, 720, encoding).changes, "no bitrate was asked for").toBe(false);
});

test("a picture takes as much as the layer of its height", () => {
  expect([180, 360, 720].map(cameraBitrate)).toEqual([150_260, 505_413, 1_700_000]);
});

test("tiles are asked for up to the limit of their source, and not at all where that is 0", () => {
  const cam = { participant: "grace", source: "cam", height: 720 } as const;
  const screen = { participant: "grace", source: "screen", height: 1080 } as const;
  expect(limitTiles([screen, cam], {})).toEqual([screen, cam]);
  expect(limitTiles([screen, cam], { cam: 180, screen: 720 })).toEqual([
    { ...screen, height: 720 },
    { ...cam, height: 180 },
  ]);
  expect(limitTiles([screen, cam], { cam: 0 })).toEqual([screen]);
});
