/** How good the connection to somebody is, in one of three steps, out of the numbers of it. */

import type { ParticipantId } from "../protocol/messages";
import type { PeerStats } from "../webrtc/types";
import type { Model, Person } from "./model";

export type Quality = "good" | "fair" | "poor";

/** By what media travel, seen from here. */
export type Way = "udp" | "tcp" | "relayUdp" | "relayTcp" | "relayTls";

/** Beyond these, sound has gaps and people talk into each other. Lower: the sign warns of what nobody notices. */
const POOR = { loss: 0.06, roundTripMs: 500 };
/** Beyond these, pictures begin to suffer. */
const FAIR = { loss: 0.02, roundTripMs: 250 };

/** Returns `null` before there is anything to judge by. */
export function qualityOf(person: Person, stats: PeerStats | undefined): Quality | null {
  if (person.link === null || person.link === "new" || person.link === "connecting") return null;
  if (person.link !== "connected" || person.paused.length > 0) return "poor";
  if (stats === undefined) return "good";
  const exceeds = ({ loss, roundTripMs }: typeof POOR): boolean =>
    (stats.receiveLoss ?? 0) > loss || (stats.roundTripMs ?? 0) > roundTripMs;
  return exceeds(POOR) ? "poor" : exceeds(FAIR) ? "fair" : "good";
}

export const statsOf = ({ diagnostics }: Model, person: ParticipantId): PeerStats | undefined =>
  diagnostics.stats.find(({ peer }) => peer === person);

/** Returns `null` while it is not known. */
export function wayOf(stats: PeerStats | undefined): Way | null {
  const { localCandidateType, protocol, relayProtocol } = stats ?? {};
  if (localCandidateType === "relay") {
    return relayProtocol === "tls" ? "relayTls" : relayProtocol === "tcp" ? "relayTcp" : "relayUdp";
  }
  return protocol === "udp" || protocol === "tcp" ? protocol : null;
}

/** Returns by what the media go between this page and the server; `null` if none do, or while it is not known. */
export const serverWay = ({ diagnostics }: Model): Way | null =>
  wayOf(diagnostics.stats.find(({ path }) => path === "server"));
