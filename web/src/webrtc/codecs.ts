/** Which codecs a line is to have, of those that the browser has. */

type Kind = "audio" | "video";

/**
 * The codecs that every session can use, the preferred first. The others would make the offer several times as long. RED sends
 * each frame of sound twice (RFC 2198), so that it does not matter if one in a row is lost; Firefox (153, November 2026) has none.
 */
const CODECS: Readonly<Record<Kind, readonly string[]>> = {
  audio: ["audio/red", "audio/opus"],
  video: ["video/vp8", "video/h264", "video/vp9", "video/av1", "video/rtx"],
};

/** Of the many kinds of H.264, the one that all browsers have (RFC 7742 §6.2), in packets of any size (RFC 6184 §6.3). */
const H264 = [/(^|;)packetization-mode=1(;|$)/, /(^|;)profile-level-id=42e0/i];

/** Of VP9 and AV1, those that have more than eight bits or colours in full. */
const UNUSUAL = /(^|;)profile(-id)?=[1-9]/;

/** With what TypeScript 6.0 does not know yet (W3C WebRTC Extensions). */
type Line = RTCRtpTransceiver & {
  readonly getHeaderExtensionsToNegotiate?: () => { readonly uri: string; direction: RTCRtpTransceiverDirection }[];
  readonly setHeaderExtensionsToNegotiate?: (extensions: readonly object[]) => void;
};

/** Leaves out of a line what is not used in sessions, and has the server told of which layer each packet of AV1 is. */
export function prepareLine(line: Line): void {
  const extensions = line.getHeaderExtensionsToNegotiate?.() ?? [];
  const descriptor = extensions.find(({ uri }) => uri.endsWith("#dependency-descriptor-rtp-header-extension"));
  if (descriptor) {
    descriptor.direction = "sendrecv";
    line.setHeaderExtensionsToNegotiate?.(extensions);
  }
  const wanted = CODECS[kindOf(line)].flatMap((type) => known(line).filter((it) => isOfType(it, type) && isUsual(it)));
  // Without them the server will say what is wrong with the offer.
  if (wanted.length > 0) line.setCodecPreferences(wanted);
}

/** Puts RED before all other codecs of a line of sound, which is what Chromium wants in order to send it. */
export function preferRedundancy(line: RTCRtpTransceiver): void {
  if (kindOf(line) !== "audio") return;
  const isRed = (codec: RTCRtpCodec): boolean => isOfType(codec, "audio/red");
  const codecs = known(line);
  if (!codecs.some(isRed)) return;
  line.setCodecPreferences([...codecs.filter(isRed), ...codecs.filter((codec) => !isRed(codec))]);
}

const kindOf = (line: RTCRtpTransceiver): Kind => line.receiver.track.kind as Kind;
const isOfType = ({ mimeType }: RTCRtpCodec, type: string): boolean => mimeType.toLowerCase() === type;
/** Whether a codec is of the one kind that is sent and received here. */
export const isUsual = (codec: RTCRtpCodec): boolean =>
  isOfType(codec, "video/h264")
    ? H264.every((part) => part.test(codec.sdpFmtpLine ?? ""))
    : !UNUSUAL.test(codec.sdpFmtpLine ?? "");
const known = (line: RTCRtpTransceiver): RTCRtpCodec[] => RTCRtpReceiver.getCapabilities(kindOf(line))?.codecs ?? [];
