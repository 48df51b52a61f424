import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { arrange, isInOne, sendable } from "./coding";
import { CAMERA_LAYERS } from "./senderLines";

const VP9 = { mimeType: "video/VP9", clockRate: 90_000, sdpFmtpLine: "profile-id=0" };

const VP8 = { mimeType: "video/VP8", clockRate: 90_000 };

let codecs: readonly object[];
beforeEach(() => {
  codecs = [VP8, { ...VP9, sdpFmtpLine: "profile-id=2" }, VP9];
  vi.stubGlobal("RTCRtpSender", { getCapabilities: () => ({ codecs }) });
});
afterEach(() => vi.unstubAllGlobals());

const parameters = () => ({ encodings: CAMERA_LAYERS.map((it) => ({ ...it })) }) as unknown as RTCRtpSendParameters;

test("VP9 of eight bits is what is sent, where there is any", () => {
  expect(sendable("vp9")).toEqual(VP9);
  codecs = codecs.slice(0, 2);
  expect(sendable("vp9")).toBeUndefined();
});

test("each layer by itself is as large as it is for all, and those that are wanted are sent", () => {
  const sent = parameters();
  expect(arrange(sent, CAMERA_LAYERS, 2, "simulcast", undefined)).toBe(true);
  expect(sent.encodings).toEqual(CAMERA_LAYERS.map((it, layer) => ({ ...it, active: layer < 2 })));
  expect(arrange(sent, CAMERA_LAYERS, 2, "simulcast", undefined)).toBe(false);
});

test.each([
  [0, false, "L1T3", 4, 150_000],
  [1, true, "L1T3", 4, 150_000],
  [2, true, "L2T3_KEY", 2, 500_000],
  [3, true, "L3T3_KEY", 1, 1_700_000],
])(
  "%i layers in one stream leave out the others, and what is above them",
  (wanted, active, mode, scale, maxBitrate) => {
    const sent = parameters();
    arrange(sent, CAMERA_LAYERS, wanted, "svc", VP9);
    expect(isInOne(sent)).toBe(true);
    const [first, ...others] = sent.encodings;
    expect(first).toEqual({
      rid: "q",
      active,
      codec: VP9,
      scalabilityMode: mode,
      scaleResolutionDownBy: scale,
      maxBitrate,
    });
    expect(others.map((it) => it.active)).toEqual([false, false]);
  },
);

test("one way can be turned into the other and back", () => {
  const sent = parameters();
  arrange(sent, CAMERA_LAYERS, 3, "svc", VP9);
  arrange(sent, CAMERA_LAYERS, 3, "simulcast", VP8);
  expect(sent.encodings).toEqual(CAMERA_LAYERS.map((it) => ({ ...it, active: true, codec: VP8 })));
  expect(isInOne(sent)).toBe(false);
});
