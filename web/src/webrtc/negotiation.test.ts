/** What the glare test cannot single out: which signal is answered, repeated, ignored, or kept. */

import { expect, test } from "vitest";
import { negotiator, type Signal } from "./negotiation";
import type { Negotiation } from "./types";

/** The states of an `RTCPeerConnection`, with descriptions that are words. */
class FakeConnection extends EventTarget {
  signalingState: RTCSignalingState = "stable";
  localDescription: RTCSessionDescriptionInit | null = null;
  remoteDescription: RTCSessionDescriptionInit | null = null;
  readonly currentLocalDescription = null;
  readonly currentRemoteDescription = null;
  readonly candidates: string[] = [];
  private count = 0;

  async setLocalDescription(): Promise<void> {
    const type = this.signalingState === "have-remote-offer" ? "answer" : "offer";
    this.count += 1;
    this.localDescription = { type, sdp: `o=- 1 ${this.count}\n${type}\na=ice-ufrag:own` };
    this.signalingState = type === "offer" ? "have-local-offer" : "stable";
  }

  async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    if (description.sdp === "broken") throw new DOMException("", "OperationError");
    this.remoteDescription = description;
    this.signalingState = description.type === "offer" ? "have-remote-offer" : "stable";
  }

  async addIceCandidate({ candidate }: RTCIceCandidateInit): Promise<void> {
    if (candidate === "stale") throw new DOMException("", "OperationError");
    this.candidates.push(candidate ?? "");
  }

  restarts = 0;
  restartIce(): void {
    this.restarts += 1;
  }

  need(): void {
    this.dispatchEvent(new Event("negotiationneeded"));
  }

  gather(candidate: string): void {
    const init = { candidate, sdpMid: "0", sdpMLineIndex: null, usernameFragment: null };
    this.dispatchEvent(Object.assign(new Event("icecandidate"), { candidate: init }));
  }
}

function end(polite: boolean, negotiation: Negotiation = "perfect") {
  const connection = new FakeConnection();
  const sent: Signal[] = [];
  const broken: string[] = [];
  const it = negotiator({
    connection: connection as unknown as RTCPeerConnection,
    negotiation,
    polite,
    send: (signal) => sent.push(signal),
    onOffered: () => {},
    onStable: () => {},
    onBroken: (why) => broken.push(why),
    log: () => {},
  });
  const hear = async (...signals: Signal[]): Promise<void> => {
    signals.forEach(it.receive);
    await it.settled();
  };
  const need = async (): Promise<void> => {
    connection.need();
    await it.settled();
  };
  return { connection, sent, broken, hear, need, negotiator: it };
}

const description = (type: "offer" | "answer", sdp: string): Signal => ({
  type: "sessionDescription",
  description: { type, sdp },
});
const candidate = (text: string): Signal => ({ type: "iceCandidate", candidate: { candidate: text } });
const types = (signals: readonly Signal[]): string[] =>
  signals.map((it) => (it.type === "iceCandidate" ? "candidate" : it.description.type));

test("an offer is answered", async () => {
  const { sent, hear } = end(false);
  await hear(description("offer", "theirs"));
  expect(types(sent)).toEqual(["answer"]);
});

test("of two crossing offers the polite end's gives way", async () => {
  const [impolite, polite] = [end(false), end(true)];
  for (const it of [impolite, polite]) {
    await it.need();
    await it.hear(description("offer", "theirs"));
  }
  expect(types(impolite.sent)).toEqual(["offer"]);
  expect(types(polite.sent)).toEqual(["offer", "answer"]);
});

test("under simple the polite end never offers", async () => {
  const { sent, need, hear, negotiator } = end(true, "simple");
  await need();
  expect(negotiator.mayOffer).toBe(false);
  await hear(description("offer", "theirs"));
  expect(types(sent)).toEqual(["answer"]);
});

test("an offer heard twice gets the very same answer twice, with its candidates", async () => {
  const { sent, hear, connection } = end(true);
  await hear(description("offer", "theirs"));
  connection.gather("host");
  await hear(description("offer", "theirs"));
  expect(types(sent)).toEqual(["answer", "candidate", "answer", "candidate"]);
  expect(sent[2]).toBe(sent[0]);
});

test("an offer that was made after a lost answer is said again after it", async () => {
  const { sent, hear, need } = end(true);
  await hear(description("offer", "theirs"));
  await need();
  await hear(description("offer", "theirs"));
  expect(types(sent)).toEqual(["answer", "offer", "answer", "offer"]);
  expect(sent.slice(2)).toEqual(sent.slice(0, 2));
});

test("an answer heard twice does not answer the next offer", async () => {
  const { hear, need, connection } = end(false);
  await need();
  await hear(description("answer", "theirs"));
  // The next offer asks for more.
  connection.setLocalDescription = async () => {
    connection.localDescription = { type: "offer", sdp: "o=- 1 9\noffer of more" };
    connection.signalingState = "have-local-offer";
  };
  await need();
  await hear(description("answer", "theirs"));
  expect(connection.signalingState).toBe("have-local-offer");
  await hear(description("answer", "theirs to more"));
  expect(connection.signalingState).toBe("stable");
});

test("an answer that nobody waits for is ignored", async () => {
  const { hear, connection, broken } = end(false);
  await hear(description("answer", "theirs"));
  expect(connection.remoteDescription).toBeNull();
  expect(broken).toEqual([]);
});

test("what was not answered is said again, word for word", async () => {
  const { sent, need, connection, negotiator, hear } = end(false);
  await need();
  connection.gather("host");
  negotiator.resync();
  await negotiator.settled();
  expect(types(sent)).toEqual(["offer", "candidate", "offer", "candidate"]);
  await hear(description("answer", "theirs"));
  negotiator.resync();
  await negotiator.settled();
  expect(types(sent.slice(4))).toEqual(["candidate"]);
});

test("candidates wait for the description, and bad ones harm nobody", async () => {
  const { connection, hear, broken } = end(true);
  await hear(candidate("first"), candidate("stale"), candidate("second"));
  expect(connection.candidates).toEqual([]);
  await hear(description("offer", "theirs"), candidate("third"));
  expect(connection.candidates).toEqual(["first", "second", "third"]);
  expect(broken).toEqual([]);
});

test("candidates of an offer that was ignored are ignored, too", async () => {
  const { connection, hear } = end(true);
  const of = (usernameFragment: string): Signal => ({
    type: "iceCandidate",
    candidate: { candidate: usernameFragment, usernameFragment },
  });
  await hear(of("early"), description("offer", "v=0\r\na=ice-ufrag:abcd\r\n"), of("abcd"), of("abc"), of("other"));
  expect(connection.candidates).toEqual(["abcd"]);
});

test("of the candidates that wait, the latest are kept", async () => {
  const { connection, hear } = end(true);
  await hear(...Array.from({ length: 70 }, (_, index) => candidate(String(index))));
  await hear(description("offer", "theirs"));
  expect(connection.candidates).toHaveLength(64);
  expect(connection.candidates[0]).toBe("6");
});

test("what the browser refuses is told, and the next signal is taken", async () => {
  const { hear, broken, sent } = end(true);
  await hear(description("offer", "broken"), description("offer", "sound"));
  expect(broken).toEqual(["take offer: OperationError"]);
  expect(types(sent)).toEqual(["answer"]);
});

test("the polite end asks the impolite end to restart ICE, which does so once for a request heard twice", async () => {
  const [impolite, polite] = [end(false), end(true)];
  await polite.hear(description("offer", "a=ice-ufrag:theirs"));
  polite.sent.length = 0;
  polite.negotiator.restartIce();
  await polite.negotiator.settled();
  expect(types(polite.sent)).toEqual(["offer"]);
  expect(polite.connection.signalingState).toBe("stable");
  await impolite.need();
  await impolite.hear(description("answer", "a=ice-ufrag:theirs"), ...polite.sent, ...polite.sent);
  expect(impolite.connection.restarts).toBe(1);
  expect(types(impolite.sent)).toEqual(["offer"]);
});

test("the polite end asks for a restart without a word to its browser, whose own offer may wait", async () => {
  const { sent, hear, need, negotiator, connection } = end(true);
  await hear(description("offer", "a=ice-ufrag:theirs"));
  await need();
  const own = connection.localDescription;
  negotiator.restartIce();
  await negotiator.settled();
  const [, offer, request] = sent;
  expect(types(sent)).toEqual(["answer", "offer", "offer"]);
  expect(request).not.toEqual(offer);
  expect(connection.localDescription).toBe(own);
});

test("a flood is cut off", async () => {
  const { hear, broken } = end(true);
  await hear(...Array.from({ length: 300 }, () => candidate("again")));
  expect(broken).toHaveLength(300 - 256);
});

test("a closed connection is left alone", async () => {
  const { connection, hear, broken, sent } = end(true);
  connection.signalingState = "closed";
  await hear(description("offer", "broken"));
  expect(broken).toEqual([]);
  expect(sent).toEqual([]);
});
