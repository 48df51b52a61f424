/** How the layers of a picture are encoded: each by itself in VP8, or all in one stream of VP9 or AV1, where each builds on those below it. */

import { isUsual } from "./codecs";
import type { CameraCodec } from "./types";

/** With what TypeScript 6.0 does not know yet (W3C WebRTC Extensions). */
type Encoding = RTCRtpEncodingParameters & { codec?: RTCRtpCodec; scalabilityMode?: string };

/** The codec that this browser can send, in the usual one of its kinds. */
export function sendable(name: CameraCodec): RTCRtpCodec | undefined {
  const codecs = RTCRtpSender.getCapabilities?.("video")?.codecs ?? [];
  return codecs.find((codec) => isOf(codec, name) && isUsual(codec));
}

const isOf = (codec: RTCRtpCodec | undefined, name: CameraCodec): boolean =>
  codec?.mimeType.toLowerCase() === `video/${name}`;

/**
 * Lets the lowest `wanted` layers be sent, with each as large as it is by itself: fewer layers are also a smaller picture. `isSvc`: all in
 * one stream. `codec` is what they are encoded with, where it was ever said. Returns whether that changes anything.
 */
export function arrange(
  { encodings }: RTCRtpSendParameters,
  layers: readonly RTCRtpEncodingParameters[],
  wanted: number,
  isSvc: boolean,
  codec: RTCRtpCodec | undefined,
): boolean {
  const before = JSON.stringify(encodings);
  encodings.forEach((encoding: Encoding, layer) => {
    const alone = layers[layer] ?? {};
    const isAll = isSvc && layer === 0;
    const top = isAll ? (layers[Math.max(wanted, 1) - 1] ?? alone) : alone;
    encoding.active = isSvc ? isAll && wanted > 0 : layer < wanted;
    set(encoding, "scaleResolutionDownBy", top.scaleResolutionDownBy);
    set(encoding, "maxBitrate", top.maxBitrate);
    set(encoding, "codec", codec);
    set(encoding, "scalabilityMode", isAll ? modeOf(wanted) : undefined);
  });
  return before !== JSON.stringify(encodings);
}

/** Whether a browser did as it was told: those that know no codec of an encoding pass over it. */
export function isEncodedIn({ encodings }: RTCRtpSendParameters, name: CameraCodec): boolean {
  const first: Encoding | undefined = encodings[0];
  return isOf(first?.codec, name);
}

/** Layers that build on each other in keyframes alone: then nobody has to decode more than he sees. */
const modeOf = (layers: number): string => (layers > 1 ? `L${layers}T3_KEY` : "L1T3");

function set<Key extends keyof Encoding>(encoding: Encoding, key: Key, value: Encoding[Key] | undefined): void {
  if (value === undefined) delete encoding[key];
  else encoding[key] = value;
}
