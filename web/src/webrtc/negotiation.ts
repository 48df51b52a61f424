/**
 * The two ends of a link agree on what to send: offers, answers and candidates, in order and without glare.
 *
 * - `perfect` is the pattern of W3C WebRTC 1.0 §10.7. Either end offers when it needs to. When two offers cross, the
 *   impolite end ignores the other's, and the polite end rolls its own back (implicitly) and answers.
 * - `simple` is caller and callee: the impolite end alone offers. The polite one never has to, because the first offer
 *   already has a place for its microphone and its camera (see senders.ts).
 *
 * With both, the impolite end alone restarts ICE; it made the first offer, too. The polite end asks for it with an offer to
 * restart that it does not apply itself. If either end restarted ICE, both might take the controlling role: Chromium (156,
 * November 2026) goes by the last offer, Firefox (153) by the first. In Chromium, the check that ends such a conflict
 * (RFC 8445 §7.3.1.1) nominates nothing: it would stay on the old pair, which Firefox has left.
 *
 * Every step runs to its end before the next begins. That makes two flags of the W3C's example unnecessary, `makingOffer` and
 * `isSettingRemoteAnswerPending`: no step ever sees a description that is half set.
 */

import type { IceCandidate, SessionDescription } from "../protocol/messages";
import { candidateOrder } from "./candidateOrder";
import type { Log } from "./log";
import {
  fragmentIn,
  hasFragment,
  isSameButForOrigin,
  withDtxOfSpeech,
  withOtherCredentials,
  withSettledRole,
} from "./sdp";
import type { Negotiation } from "./types";

/** What one end of a link says to the other. */
export type Signal =
  | { readonly type: "sessionDescription"; readonly description: SessionDescription }
  | { readonly type: "iceCandidate"; readonly candidate: IceCandidate };

export type NegotiatorOptions = {
  readonly connection: RTCPeerConnection;
  readonly negotiation: Negotiation;
  readonly polite: boolean;
  readonly send: (signal: Signal) => void;
  /** An offer was applied and is about to be answered: the time to fill the places that it has. */
  readonly onOffered: () => void;
  /** Both ends agree. */
  readonly onStable: () => void;
  /** The browser refused something that cannot be mended by talking on. */
  readonly onBroken: (why: string) => void;
  readonly log: Log;
};

export type Negotiator = {
  readonly receive: (signal: Signal) => void;
  /** Messages may have been lost: says again what was not answered. */
  readonly resync: () => void;
  /** Restarts ICE, or asks the other end to. */
  readonly restartIce: () => void;
  /** Whether this end may make an offer at all. */
  readonly mayOffer: boolean;
  /** Resolves when all steps that are known now have been taken. */
  readonly settled: () => Promise<void>;
};

/** Steps that may wait. More come only from a peer that floods: the link is given up. */
const STEPS_MAX = 256;
/** Candidates kept until there is a description for them; beyond, the oldest are forgotten. */
const EARLY_CANDIDATES_MAX = 64;
/** Own candidates kept to be said again; a host has far fewer, and an ICE restart would mend a loss. */
const SAID_CANDIDATES_MAX = 64;

export function negotiator(options: NegotiatorOptions): Negotiator {
  const { connection, negotiation, polite, onOffered, onStable, onBroken, log } = options;
  const mayOffer = negotiation === "perfect" || !polite;
  const early: IceCandidate[] = [];
  /** The last description that was sent and the candidates that followed it. */
  let said: Signal[] = [];
  /** The last offer that was answered, and with what. */
  let answered: { readonly offer: string; readonly answer: Signal } | undefined;
  /** The last answer that was applied, and to what. */
  let applied: { readonly offer: string; readonly answer: string } | undefined;
  /** The last offer that was taken as a request to restart ICE. */
  let requested: string | undefined;
  const order = candidateOrder((candidate) => utter({ type: "iceCandidate", candidate }));
  let lastStep = Promise.resolve();
  let stepsWaiting = 0;

  connection.addEventListener("negotiationneeded", () => mayOffer && step("make offer", makeOffer));
  connection.addEventListener("icecandidate", ({ candidate }) => {
    if (candidate) order.gathered(withoutNulls(candidate));
  });

  function utter(signal: Signal): void {
    if (said.length <= SAID_CANDIDATES_MAX) said.push(signal);
    options.send(signal);
  }

  function step(name: string, run: () => void | Promise<void>): void {
    if (stepsWaiting === STEPS_MAX) return onBroken("too many steps wait");
    stepsWaiting += 1;
    lastStep = lastStep
      .then(() => (isClosed() ? undefined : run()))
      .catch((error: unknown) => isClosed() || onBroken(`${name}: ${error instanceof Error ? error.name : "failed"}`))
      .then(() => {
        stepsWaiting -= 1;
      });
  }

  function isClosed(): boolean {
    return connection.signalingState === "closed";
  }

  function peerGeneration(): string | undefined {
    return fragmentIn(connection.remoteDescription?.sdp ?? "");
  }

  async function makeOffer(): Promise<void> {
    // If something else is under way, the browser says `negotiationneeded` again once it is over.
    if (connection.signalingState !== "stable") return;
    await connection.setLocalDescription();
    say();
  }

  /** Sends the local description that was just made. */
  function say(): Signal | undefined {
    const { localDescription } = connection;
    if (localDescription?.type !== "offer" && localDescription?.type !== "answer") return undefined;
    const { type } = localDescription;
    const settled = type === "offer" ? withSettledRole(localDescription.sdp, connection) : localDescription.sdp;
    const sdp = withDtxOfSpeech(settled);
    const description = order.describe({ type, sdp }, connection.remoteDescription?.sdp);
    const signal: Signal = { type: "sessionDescription", description };
    said = [];
    log(type === "offer" ? "offerSent" : "answerSent", {}, "debug");
    utter(signal);
    return signal;
  }

  async function takeOffer(description: SessionDescription): Promise<void> {
    if (description.sdp === answered?.offer) {
      // The answer may have been lost. The very same one, so that the other end can tell if it was not.
      log("answerRepeated", {}, "debug");
      if (said[0] === answered.answer) return said.forEach(options.send);
      // If it was lost, an offer that was made since looked as if it crossed the one that is heard again, and was ignored.
      return [answered.answer, ...(isOfferWaiting() ? said : [])].forEach(options.send);
    }
    if (!polite && isRestart(connection, description)) return takeRequest(description);
    if (connection.signalingState !== "stable" && !polite) return log("crossingOfferIgnored", {}, "debug");
    await applyOffer(connection, description);
    log("offerTaken", {}, "debug");
    order.heardDescription(description.sdp);
    await addEarlyCandidates();
    onOffered();
    await connection.setLocalDescription();
    const answer = say();
    answered = answer && { offer: description.sdp, answer };
    onStable();
  }

  function takeRequest({ sdp }: SessionDescription): void {
    if (sdp === requested || isRestarting(connection)) return;
    requested = sdp;
    log("iceRestartRequested", {}, "debug");
    connection.restartIce();
  }

  /** Not said again if it is lost: whoever misses the restart asks for another (see linkHealth.ts). */
  function requestRestart(generation: string | undefined): void {
    // Meanwhile the other end restarted ICE by itself.
    if (peerGeneration() !== generation) return;
    const sdp = withOtherCredentials(connection.localDescription?.sdp ?? "");
    options.send({ type: "sessionDescription", description: { type: "offer", sdp } });
  }

  async function takeAnswer({ type, sdp }: SessionDescription): Promise<void> {
    if (!isOfferWaiting()) return log("unexpectedAnswerIgnored", {}, "debug");
    const ours = connection.localDescription?.sdp ?? "";
    // An answer heard before belongs to an offer made before, unless this offer says just the same.
    if (sdp === applied?.answer && !isSameButForOrigin(ours, applied.offer)) {
      return log("repeatedAnswerIgnored", {}, "debug");
    }
    await connection.setRemoteDescription({ type, sdp });
    log("answerTaken", {}, "debug");
    order.heardDescription(sdp);
    applied = { offer: ours, answer: sdp };
    await addEarlyCandidates();
    onStable();
  }

  async function addEarlyCandidates(): Promise<void> {
    for (const candidate of early.splice(0)) await addCandidate(candidate);
  }

  async function addCandidate(candidate: IceCandidate): Promise<void> {
    if (!connection.remoteDescription) {
      if (early.length === EARLY_CANDIDATES_MAX) early.shift();
      early.push(candidate);
      return;
    }
    // One that belongs to an offer which was ignored. Chromium (156, November 2026) would take it for one of the next
    // generation, and may then send all media where nobody listens.
    const { usernameFragment: fragment } = candidate;
    if (fragment && !hasFragment(connection.remoteDescription.sdp, fragment))
      return log("candidateIgnored", {}, "debug");
    try {
      await connection.addIceCandidate(candidate);
      order.heard(candidate.candidate, connection.remoteDescription.sdp);
    } catch {
      // It is of a kind that this browser does not know.
      log("candidateIgnored", {}, "debug");
    }
  }

  function isOfferWaiting(): boolean {
    return connection.signalingState === "have-local-offer";
  }

  /** The offer, if it still waits for an answer; the candidates in any case, since hearing them twice does no harm. */
  function repeatWhatWasSaid(): void {
    const isWaiting = isOfferWaiting();
    said.filter((it) => isWaiting || it.type === "iceCandidate").forEach(options.send);
    if (isWaiting) log("offerRepeated", {}, "debug");
  }

  return {
    mayOffer,
    restartIce() {
      if (!polite) return connection.restartIce();
      const generation = peerGeneration();
      step("request restart", () => requestRestart(generation));
    },
    receive(signal) {
      if (signal.type === "iceCandidate") return step("candidate", () => addCandidate(signal.candidate));
      const { description } = signal;
      step(`take ${description.type}`, () =>
        description.type === "offer" ? takeOffer(description) : takeAnswer(description),
      );
    },
    resync: () => step("resync", repeatWhatWasSaid),
    settled: () => lastStep,
  };
}

/** Whether an offer begins another ICE generation of the peer (RFC 8839 §4.4.1.1.1). */
function isRestart({ remoteDescription }: RTCPeerConnection, { sdp }: SessionDescription): boolean {
  return remoteDescription !== null && fragmentIn(sdp) !== fragmentIn(remoteDescription.sdp);
}

/** Whether an own offer to restart ICE waits for its answer. */
function isRestarting({
  signalingState,
  localDescription,
  currentLocalDescription: current,
}: RTCPeerConnection): boolean {
  if (signalingState !== "have-local-offer" || !localDescription || !current) return false;
  return fragmentIn(localDescription.sdp) !== fragmentIn(current.sdp);
}

/** Browsers write `null` for what the protocol leaves out. */
function withoutNulls({ candidate, sdpMid, sdpMLineIndex, usernameFragment }: RTCIceCandidate): IceCandidate {
  return {
    candidate,
    ...(sdpMid !== null && { sdpMid }),
    ...(sdpMLineIndex !== null && { sdpMLineIndex }),
    ...(usernameFragment != null && { usernameFragment }),
  };
}

/**
 * Applies an offer, rolling an own one back if there is one.
 *
 * Firefox (153, November 2026) refuses an offer that restarts ICE after it rolled back one that did not. An offer that does,
 * made and never sent, lets it through. W3C WebRTC 1.0 §4.4.1.5 knows no such rule.
 */
async function applyOffer(connection: RTCPeerConnection, offer: SessionDescription): Promise<void> {
  const isCrossing = connection.signalingState === "have-local-offer";
  try {
    await connection.setRemoteDescription(offer);
  } catch (error) {
    if (!isCrossing || !(error instanceof DOMException) || error.name !== "InvalidAccessError") throw error;
    connection.restartIce();
    await connection.setLocalDescription();
    await connection.setRemoteDescription(offer);
  }
}
