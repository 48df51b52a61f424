/** Which codecs a line is to have, of those that the browser has. */

type Kind = "audio" | "video";

/**
 * The codecs that every session can use, the preferred first. The others would make the offer several times as long. RED sends
 * each frame of sound twice (RFC 2198), so that it does not matter if one in a row is lost; Firefox (153, November 2026) has none.
 */
const CODECS: Readonly<Record<Kind, readonly string[]>> = {
  audio: ["audio/red", "audio/opus"],
  video: ["video/vp8", "video/h264", "video/vp9", "video/rtx"],
};

/** Of the many kinds of H.264, the one that all browsers have (RFC 7742 §6.2), in packets of any size (RFC 6184 §6.3). */
const H264 = [/(^|;)packetization-mode=1(;|$)/, /(^|;)profile-level-id=42e0/i];

/** Of VP9, that of eight bits. */
const VP9 = /(^|;)profile-id=[1-9]/;

/** Leaves out of a line what is not used in sessions. */
export function preferCodecs(line: RTCRtpTransceiver): void {
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
const isUsual = (codec: RTCRtpCodec): boolean =>
  isOfType(codec, "video/h264")
    ? H264.every((part) => part.test(codec.sdpFmtpLine ?? ""))
    : !isOfType(codec, "video/vp9") || !VP9.test(codec.sdpFmtpLine ?? "");
const known = (line: RTCRtpTransceiver): RTCRtpCodec[] => RTCRtpReceiver.getCapabilities(kindOf(line))?.codecs ?? [];
