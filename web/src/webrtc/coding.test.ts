import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { arrange, isEncodedIn, sendable } from "./coding";
import { CAMERA_LAYERS } from "./senderLines";

const VP9 = { mimeType: "video/VP9", clockRate: 90_000, sdpFmtpLine: "profile-id=0" };

const AV1 = { mimeType: "video/AV1", clockRate: 90_000, sdpFmtpLine: "level-idx=5;profile=0;tier=0" };

const VP8 = { mimeType: "video/VP8", clockRate: 90_000 };

let codecs: readonly object[];
beforeEach(() => {
  const others = [
    { ...VP9, sdpFmtpLine: "profile-id=2" },
    { ...AV1, sdpFmtpLine: "level-idx=5;profile=1;tier=0" },
  ];
  codecs = [VP8, ...others, VP9, AV1];
  vi.stubGlobal("RTCRtpSender", { getCapabilities: () => ({ codecs }) });
});
afterEach(() => vi.unstubAllGlobals());

const parameters = () => ({ encodings: CAMERA_LAYERS.map((it) => ({ ...it })) }) as unknown as RTCRtpSendParameters;

test("the usual kind of a codec is what is sent, where there is any", () => {
  expect([sendable("vp8"), sendable("vp9"), sendable("av1")]).toEqual([VP8, VP9, AV1]);
  codecs = codecs.slice(0, 3);
  expect([sendable("vp8"), sendable("vp9"), sendable("av1")]).toEqual([VP8, undefined, undefined]);
});

test("each layer by itself is as large as it is for all, and those that are wanted are sent", () => {
  const sent = parameters();
  expect(arrange(sent, CAMERA_LAYERS, 2, false, undefined)).toBe(true);
  expect(sent.encodings).toEqual(CAMERA_LAYERS.map((it, layer) => ({ ...it, active: layer < 2 })));
  expect(arrange(sent, CAMERA_LAYERS, 2, false, undefined)).toBe(false);
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
    arrange(sent, CAMERA_LAYERS, wanted, true, VP9);
    expect([isEncodedIn(sent, "vp9"), isEncodedIn(sent, "av1")]).toEqual([true, false]);
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
  arrange(sent, CAMERA_LAYERS, 3, true, AV1);
  expect(isEncodedIn(sent, "av1")).toBe(true);
  arrange(sent, CAMERA_LAYERS, 3, false, VP8);
  expect(sent.encodings).toEqual(CAMERA_LAYERS.map((it) => ({ ...it, active: true, codec: VP8 })));
  expect(isEncodedIn(sent, "av1")).toBe(false);
});
