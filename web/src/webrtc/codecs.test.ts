import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { preferRedundancy, prepareLine } from "./codecs";

const CHROMIUM = ["audio/opus", "audio/red", "audio/G722", "audio/PCMU", "audio/telephone-event"];
const FIREFOX = ["audio/opus", "audio/G722", "audio/PCMU"];
const BASELINE = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
const VIDEO = ["video/VP9", "video/rtx", `video/H264 ${BASELINE}`, "video/VP8", "video/AV1", "video/AV1 profile=1"];

let capabilities: Record<string, readonly string[]>;

beforeEach(() => {
  const getCapabilities = (kind: string) => ({ codecs: (capabilities[kind] ?? []).map(codec) });
  const codec = (name: string) => {
    const [mimeType, sdpFmtpLine] = name.split(" ");
    return { mimeType, sdpFmtpLine };
  };
  vi.stubGlobal("RTCRtpReceiver", { getCapabilities });
});
afterEach(() => vi.unstubAllGlobals());

/** Returns what is preferred on a line, or nothing if the browser is left its own choice. */
function preferred(prefer: (line: RTCRtpTransceiver) => void, kind: "audio" | "video"): readonly string[] | undefined {
  let types: readonly string[] | undefined;
  const setCodecPreferences = (codecs: readonly RTCRtpCodec[]): void => void (types = codecs.map((it) => it.mimeType));
  prefer({ receiver: { track: { kind } }, setCodecPreferences } as unknown as RTCRtpTransceiver);
  return types;
}

describe("a line of a session", () => {
  test("has redundant sound first, where the browser has it", () => {
    capabilities = { audio: CHROMIUM };
    expect(preferred(prepareLine, "audio")).toEqual(["audio/red", "audio/opus"]);
    capabilities = { audio: FIREFOX };
    expect(preferred(prepareLine, "audio")).toEqual(["audio/opus"]);
  });

  test("has VP8, H.264, VP9, AV1 and their retransmissions", () => {
    capabilities = { video: VIDEO };
    const types = ["video/VP8", "video/H264", "video/VP9", "video/AV1", "video/rtx"];
    expect(preferred(prepareLine, "video")).toEqual(types);
  });

  test("has a descriptor of dependencies before its packets, where the browser knows that", () => {
    capabilities = { video: VIDEO };
    const uri = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
    const others = [{ uri: "urn:ietf:params:rtp-hdrext:toffset", direction: "stopped" }];
    const set = vi.fn();
    const line = {
      receiver: { track: { kind: "video" } },
      setCodecPreferences: () => undefined,
      getHeaderExtensionsToNegotiate: () => [...others, { uri, direction: "stopped" }],
      setHeaderExtensionsToNegotiate: set,
    };
    prepareLine(line as unknown as RTCRtpTransceiver);
    expect(set.mock.calls).toEqual([[[...others, { uri, direction: "sendrecv" }]]]);
  });

  test("has the one kind of H.264 that everybody has", () => {
    const others = [BASELINE.replace("mode=1", "mode=0"), BASELINE.replace("42e01f", "640c1f")];
    capabilities = { video: ["video/VP8", ...others.map((parameters) => `video/H264 ${parameters}`), "video/H264"] };
    expect(preferred(prepareLine, "video")).toEqual(["video/VP8"]);
  });

  test("is left as it is where the browser has nothing of use", () => {
    capabilities = { audio: ["audio/PCMU"] };
    expect(preferred(prepareLine, "audio")).toBeUndefined();
  });
});

describe("a line of a link", () => {
  test("has redundant sound before everything else that the browser has", () => {
    capabilities = { audio: CHROMIUM };
    const others = CHROMIUM.filter((type) => type !== "audio/red");
    expect(preferred(preferRedundancy, "audio")).toEqual(["audio/red", ...others]);
  });

  test("is left as it is where there is no redundancy, and for pictures", () => {
    capabilities = { audio: FIREFOX, video: VIDEO };
    expect(preferred(preferRedundancy, "audio")).toBeUndefined();
    expect(preferred(preferRedundancy, "video")).toBeUndefined();
  });
});
