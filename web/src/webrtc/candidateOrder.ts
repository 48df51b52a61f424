/**
 * Which end of a link says its ICE candidates first after an ICE restart, where that makes a difference.
 *
 * Chromium (156, November 2026) compares pairs of candidates by priority before it compares their generation. If a check
 * comes before the signal that names the host candidate it was sent from, that candidate is peer-reflexive for a while
 * (RFC 8445 §7.3.1.3) and so of a lower priority (§5.1.2.1) than a pair with the generation before: Chromium gives up
 * the new pair and goes on with the old candidate. Firefox (153) answers its checks there, and takes no media.
 *
 * So a Chromium says its candidates to a Firefox only when it knows those of the Firefox, which cannot check before. The
 * link goes on as it was for that moment. Only host candidates matter: all others have a lower priority than peer-reflexive
 * ones.
 */

import type { IceCandidate, SessionDescription } from "../protocol/messages";
import { candidatesIn, fragmentIn, withoutCandidates } from "./sdp";

export type CandidateOrder = {
  /** Returns an own description as it may be said: without the candidates that have to wait. */
  readonly describe: (description: SessionDescription, remote: string | undefined) => SessionDescription;
  /** Says an own candidate, now or in its turn. */
  readonly gathered: (candidate: IceCandidate) => void;
  /** The peer's description was applied; it may have candidates in it. */
  readonly heardDescription: (sdp: string) => void;
  /** A candidate of the peer's description was applied. */
  readonly heard: (candidate: string, sdp: string) => void;
};

/** A host has far fewer; checks would find the rest. */
const WAITING_MAX = 64;

export function candidateOrder(say: (candidate: IceCandidate) => void): CandidateOrder {
  /** The ICE generation of the last own description. */
  let own: string | undefined;
  /** The peer's generation whose host candidates are all known. */
  let known: string | undefined;
  let isOwnLibwebrtc = false;
  let isPeerLibwebrtc = true;
  /** Own candidates that have to wait, if they have to. */
  let waiting: IceCandidate[] | undefined;

  /** Whether the candidates of another own generation have to wait for those of the peer. */
  function mustWait({ type }: SessionDescription, remote: string | undefined): boolean {
    const isRestart = own !== undefined;
    const isCrossing = isOwnLibwebrtc && !isPeerLibwebrtc;
    // The generation that answers an offer is not known yet.
    const isKnown = type === "answer" && remote !== undefined && fragmentIn(remote) === known;
    return isRestart && isCrossing && !isKnown;
  }

  function heard(candidate: string, sdp: string): void {
    if (candidate) isPeerLibwebrtc = isByLibwebrtc(candidate);
    const fragment = fragmentIn(sdp);
    // Hosts are gathered first, since that asks nobody.
    if (isHost(candidate) || fragment === known) return;
    known = fragment;
    const all = waiting ?? [];
    waiting = undefined;
    all.forEach(say);
  }

  return {
    describe(description, remote) {
      const fragment = fragmentIn(description.sdp);
      if (fragment !== own) waiting = mustWait(description, remote) ? [] : undefined;
      own = fragment;
      return waiting ? { ...description, sdp: withoutCandidates(description.sdp) } : description;
    },
    gathered(candidate) {
      if (candidate.candidate) isOwnLibwebrtc = isByLibwebrtc(candidate.candidate);
      if (!waiting) say(candidate);
      else if (waiting.length < WAITING_MAX) waiting.push(candidate);
    },
    heardDescription: (sdp) => candidatesIn(sdp).forEach((candidate) => heard(candidate, sdp)),
    heard,
  };
}

/** The library of Chromium and Safari counts generations, and writes the number into each candidate. */
const isByLibwebrtc = (candidate: string): boolean => / generation \d/.test(candidate);

const isHost = (candidate: string): boolean => candidate.includes(" typ host");
