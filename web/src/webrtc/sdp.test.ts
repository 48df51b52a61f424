import { describe, expect, test } from "vitest";
import { fragmentIn, isSameButForOrigin, withDtx, withDtxOfSpeech, withOtherCredentials, withSettledRole } from "./sdp";

const offer = (origin: string, ufrag: string, port = 9): string =>
  `v=0\r\no=- 1 ${origin} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio ${port} UDP/TLS/RTP/SAVPF 111\r\n` +
  `c=IN IP4 0.0.0.0\r\na=ice-ufrag:${ufrag}\r\na=setup:actpass\r\n`;

const FIRST = offer("1", "abcd");

test("two offers of the same are the same, whatever their number and candidates", () => {
  const gathered = `${offer("3", "abcd", 50_000)}a=candidate:1 1 udp 1 192.0.2.1 50000 typ host\r\na=end-of-candidates\r\n`;
  expect(isSameButForOrigin(offer("2", "abcd"), gathered)).toBe(true);
});

test("an offer that restarts ICE, or rejects something, is another", () => {
  expect(isSameButForOrigin(offer("2", "abcd"), offer("3", "wxyz"))).toBe(false);
  expect(isSameButForOrigin(offer("2", "abcd"), offer("3", "abcd", 0))).toBe(false);
});

test("other credentials are as long as ICE wants them, and others each time", () => {
  const own = `${FIRST}a=ice-pwd:own\r\n`;
  const other = withOtherCredentials(own);
  expect(other).toMatch(/^a=ice-ufrag:(\w{22,256})\r\n[^]*^a=ice-pwd:\1\r\n/m);
  expect(fragmentIn(withOtherCredentials(own))).not.toBe(fragmentIn(other));
});

const described = (local?: RTCSessionDescriptionInit, remote?: RTCSessionDescriptionInit) =>
  ({ currentLocalDescription: local ?? null, currentRemoteDescription: remote ?? null }) as Parameters<
    typeof withSettledRole
  >[1];

const answer = (role: string): RTCSessionDescriptionInit => ({ type: "answer", sdp: `v=0\r\na=setup:${role}\r\n` });

test("the first offer leaves the DTLS role open", () => {
  expect(withSettledRole(FIRST, described())).toBe(FIRST);
});

test("a later offer names the role that the first answer settled", () => {
  const asOfferer = described({ type: "offer", sdp: FIRST }, answer("active"));
  expect(withSettledRole(FIRST, asOfferer)).toContain("a=setup:passive\r\n");
  const asAnswerer = described(answer("active"), { type: "offer", sdp: FIRST });
  expect(withSettledRole(FIRST, asAnswerer)).toContain("a=setup:active\r\n");
});

describe("an answer that asks for no sound in silence", () => {
  const lines = (...it: readonly string[]): string => it.map((line) => `${line}\r\n`).join("");
  const speech = lines("m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", "a=rtpmap:111 opus/48000/2");
  const music = lines("m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:4", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 stereo=1");

  test("asks for it in the line of speech only", () => {
    expect(withDtx(speech + music, "0")).toBe(`${speech}a=fmtp:111 usedtx=1\r\n${music}`);
    expect(withDtx(speech + music, "4")).toBe(speech + music.replace("stereo=1", "stereo=1;usedtx=1"));
  });

  test("asks for it in the first line of sound on a link", () => {
    const picture = lines("m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:v", "a=rtpmap:96 VP8/90000");
    expect(withDtxOfSpeech(picture + speech + music)).toBe(`${picture}${speech}a=fmtp:111 usedtx=1\r\n${music}`);
    expect(withDtxOfSpeech(picture)).toBe(picture);
  });

  test("is left as it is where there is no speech, or where it asks already", () => {
    expect(withDtx(speech, undefined)).toBe(speech);
    expect(withDtx(speech, "9")).toBe(speech);
    const asking = withDtx(speech, "0");
    expect(withDtx(asking, "0")).toBe(asking);
  });
});
