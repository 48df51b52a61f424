/** How the layers of a picture are encoded: each by itself in VP8, or all in one stream of VP9, where each builds on those below it. */

/** In which of the two ways. */
export type Coding = "simulcast" | "svc";

/** With what TypeScript 6.0 does not know yet (W3C WebRTC Extensions). */
type Encoding = RTCRtpEncodingParameters & { codec?: RTCRtpCodec; scalabilityMode?: string };

/** The codec that this browser can send, of VP9 that of eight bits. */
export function sendable(name: "vp8" | "vp9"): RTCRtpCodec | undefined {
  const codecs = RTCRtpSender.getCapabilities?.("video")?.codecs ?? [];
  const isUsual = (line = ""): boolean => !/(^|;)profile-id=[1-9]/.test(line);
  return codecs.find(({ mimeType, sdpFmtpLine }) => mimeType.toLowerCase() === `video/${name}` && isUsual(sdpFmtpLine));
}

/**
 * Lets the lowest `wanted` layers be sent, with each as large as it is by itself: fewer layers are also a smaller picture. `codec` is what
 * they are encoded with, where it was ever said. Returns whether that changes anything.
 */
export function arrange(
  { encodings }: RTCRtpSendParameters,
  layers: readonly RTCRtpEncodingParameters[],
  wanted: number,
  coding: Coding,
  codec: RTCRtpCodec | undefined,
): boolean {
  const before = JSON.stringify(encodings);
  encodings.forEach((encoding: Encoding, layer) => {
    const alone = layers[layer] ?? {};
    const isAll = coding === "svc" && layer === 0;
    const top = isAll ? (layers[Math.max(wanted, 1) - 1] ?? alone) : alone;
    encoding.active = coding === "svc" ? isAll && wanted > 0 : layer < wanted;
    set(encoding, "scaleResolutionDownBy", top.scaleResolutionDownBy);
    set(encoding, "maxBitrate", top.maxBitrate);
    set(encoding, "codec", codec);
    set(encoding, "scalabilityMode", isAll ? modeOf(wanted) : undefined);
  });
  return before !== JSON.stringify(encodings);
}

/** Whether a browser did as it was told: those that know no codec of an encoding pass over it. */
export function isInOne({ encodings }: RTCRtpSendParameters): boolean {
  const first: Encoding | undefined = encodings[0];
  return first?.codec?.mimeType.toLowerCase() === "video/vp9";
}

/** Layers that build on each other in keyframes alone: then nobody has to decode more than he sees. */
const modeOf = (layers: number): string => (layers > 1 ? `L${layers}T3_KEY` : "L1T3");

function set<Key extends keyof Encoding>(encoding: Encoding, key: Key, value: Encoding[Key] | undefined): void {
  if (value === undefined) delete encoding[key];
  else encoding[key] = value;
}
