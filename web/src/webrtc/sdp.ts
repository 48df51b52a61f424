/** The little that has to be known of an SDP's text (RFC 8866). */

type Described = Pick<RTCPeerConnection, "currentLocalDescription" | "currentRemoteDescription">;

/** Lines that differ between two descriptions that ask for the same: their number, and where packets may go. */
const INCIDENTAL = /^(?:o=|c=|a=candidate:|a=end-of-candidates|a=rtcp:|a=ice-options:)/;
/** The port is 9 until there are candidates, and 0 for what is rejected. */
const PORT = /^(m=\w+) [1-9]\d*/;

/** Returns whether two descriptions differ in nothing but their origin and the candidates gathered so far. */
export function isSameButForOrigin(one: string, other: string): boolean {
  return essence(one) === essence(other);
}

function essence(sdp: string): string {
  return sdp
    .split(/\r?\n/)
    .filter((line) => !INCIDENTAL.test(line))
    .map((line) => line.replace(PORT, "$1 9"))
    .join("\n");
}

/** Returns whether a description is of the ICE generation with this user name fragment (RFC 8839 §5.4). */
export function hasFragment(sdp: string, fragment: string): boolean {
  return sdp.split(/\r?\n/).includes(`a=ice-ufrag:${fragment}`);
}

/** Returns the user name fragment that names a description's ICE generation (RFC 8839 §5.4). */
export function fragmentIn(sdp: string): string | undefined {
  return /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1];
}

/**
 * Returns a description of another ICE generation, which nobody listens to: it asks the other end for a restart. `createOffer`
 * would do, but Firefox (153, November 2026) stays with the credentials that it made if an own offer waits meanwhile, and
 * answers the next offer with them.
 */
export function withOtherCredentials(sdp: string): string {
  const credentials = crypto.randomUUID().replaceAll("-", "");
  return sdp.replace(/^(a=ice-(?:ufrag|pwd):)\S+/gm, `$1${credentials}`);
}

/** Returns the candidates that a description has, and an empty one if it says that there are no more (RFC 8840 §8.2). */
export function candidatesIn(sdp: string): string[] {
  return [...sdp.matchAll(/^a=(?:(candidate:.*)|end-of-candidates)/gm)].map(([, candidate = ""]) => candidate.trim());
}

/** Returns a description whose candidates are still to be said. */
export function withoutCandidates(sdp: string): string {
  return sdp.replace(/^a=(?:candidate:|end-of-candidates).*\r?\n/gm, "");
}

/**
 * Returns an offer that names the DTLS role which this end has had since the first answer (RFC 8842 §5.5).
 *
 * Browsers leave the role open in each offer. If such an offer restarts ICE, a Firefox (153, November 2026) that was passive
 * answers that it is active; Chromium then refuses the answer, and ICE could not be restarted at all.
 */
export function withSettledRole(offer: string, described: Described): string {
  const role = settledRole(described);
  return role ? offer.replace(/^a=setup:actpass/gm, `a=setup:${role}`) : offer;
}

function settledRole({
  currentLocalDescription: local,
  currentRemoteDescription: remote,
}: Described): string | undefined {
  const roleIn = (sdp: string): string | undefined => /^a=setup:(active|passive)/m.exec(sdp)?.[1];
  if (local?.type === "answer") return roleIn(local.sdp);
  if (remote?.type !== "answer") return undefined;
  return { active: "passive", passive: "active" }[roleIn(remote.sdp) ?? ""];
}

/**
 * Returns a description that asks for discontinuous transmission of speech on the line `mid`: silence is then hardly sent at all.
 * Asked for in the peer's description, it is what this end will send; in an own one, what the peer will (RFC 7587 §7).
 */
export function withDtx(sdp: string, mid: string | undefined): string {
  if (mid === undefined) return sdp;
  return sdp
    .split(/(?=^m=)/m)
    .map((section) => (section.split(/\r?\n/).includes(`a=mid:${mid}`) ? askForDtx(section) : section))
    .join("");
}

/** Does the same with the first line of sound, which on a link is that of the microphone. */
export function withDtxOfSpeech(sdp: string): string {
  const mid = /^m=audio [^]*?^a=mid:(\S+)/m.exec(sdp)?.[1];
  return withDtx(sdp, mid);
}

function askForDtx(section: string): string {
  const payloadType = /^a=rtpmap:(\d+) opus\//im.exec(section)?.[1];
  if (payloadType === undefined || /usedtx=/.test(section)) return section;
  const parameters = new RegExp(`^(a=fmtp:${payloadType} [^\\r\\n]*)`, "m");
  if (parameters.test(section)) return section.replace(parameters, "$1;usedtx=1");
  return section.replace(/^(a=rtpmap:\d+ opus\/[^\r\n]*)(\r?\n)/im, `$1$2a=fmtp:${payloadType} usedtx=1$2`);
}
