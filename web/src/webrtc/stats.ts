/** What a link does, out of `RTCPeerConnection.getStats()` and the time before. */

import type { PeerStats } from "./types";

/** The part of a report that differs from link to link but is not a name. */
export type LinkStats = Omit<
  PeerStats,
  "peer" | "path" | "layer" | "connectionState" | "iceConnectionState" | "signalingState"
>;

/** Sums that only grow, at one moment. */
export type Totals = {
  readonly atMs: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly packetsReceived: number;
  readonly packetsLost: number;
};

type Entry = Readonly<Record<string, unknown>> & { readonly id: string; readonly type: string };

/** What of a report is read: an `RTCStatsReport` is one. */
export type Report = { forEach(visit: (entry: Entry) => void): void };

/**
 * Returns the stats of a link, and the totals to give as `before` the next time. `tracks` are the identifiers of those that
 * count; of a link, all do.
 */
export function readStats(
  report: Report,
  before?: Totals,
  tracks?: readonly string[],
): { readonly stats: LinkStats; readonly totals: Totals } {
  const entries = new Map<string, Entry>();
  report.forEach((entry) => entries.set(entry.id, entry));
  const ofType = (type: string): Entry[] => [...entries.values()].filter((it) => it.type === type);
  const inbound = ofType("inbound-rtp").filter((it) => tracks?.includes(String(it.trackIdentifier)) ?? true);
  const picture = inbound.find((it) => it.kind === "video");
  const outbound = ofType("outbound-rtp");
  const pair = selectedPair(entries);
  const local = entries.get(String(pair?.localCandidateId));
  const remote = entries.get(String(pair?.remoteCandidateId));
  const roundTrip = number(pair?.currentRoundTripTime);

  const totals: Totals = {
    atMs: Math.max(0, ...[...inbound, ...outbound].map((it) => number(it.timestamp) ?? 0)),
    bytesSent: sum(outbound, "bytesSent"),
    bytesReceived: sum(inbound, "bytesReceived"),
    packetsReceived: sum(inbound, "packetsReceived"),
    packetsLost: sum(inbound, "packetsLost"),
  };
  return {
    totals,
    stats: present({
      localCandidateType: string(local?.candidateType),
      remoteCandidateType: string(remote?.candidateType),
      protocol: string(local?.protocol),
      relayProtocol: string(local?.relayProtocol),
      roundTripMs: roundTrip === undefined ? undefined : Math.round(roundTrip * 1_000),
      sendBitrate: bitrate(before, totals, "bytesSent"),
      receiveBitrate: bitrate(before, totals, "bytesReceived"),
      receiveLoss: loss(before, totals),
      framesDecoded: picture && sum(inbound, "framesDecoded"),
      frameHeight: number(picture?.frameHeight),
      codec: string(entries.get(String(picture?.codecId))?.mimeType)?.replace(/^.*\//, ""),
      audioLevel: number(inbound.find((it) => it.kind === "audio")?.audioLevel),
    }),
  };
}

/**
 * Returns a number that grows as long as anything arrives from the other end: media, or else the answers to ICE's own
 * consent checks (RFC 7675). Firefox does not count those, but says when the last packet came. Every pair counts: of a
 * dead link a browser selects now this pair, now that, and none of them brings anything.
 */
export function readArrivals(report: Report): number {
  const inbound: Entry[] = [];
  const pairs: Entry[] = [];
  report.forEach((entry) => {
    if (entry.type === "inbound-rtp") inbound.push(entry);
    if (entry.type === "candidate-pair") pairs.push(entry);
  });
  const isCounted = pairs.some((pair) => number(pair.responsesReceived) !== undefined);
  const times = pairs.map((pair) => number(pair.lastPacketReceivedTimestamp) ?? 0);
  return sum(inbound, "bytesReceived") + (isCounted ? sum(pairs, "responsesReceived") : Math.max(0, ...times));
}

/**
 * Returns a number that grows as long as sound, or pictures that can be shown, arrive at one receiver. Packets are not
 * enough for pictures: those that wait for a keyframe in vain are as good as none.
 */
export function readHeard(report: Report): number {
  let heard = 0;
  report.forEach(({ type, kind, framesDecoded, packetsReceived }) => {
    if (type === "inbound-rtp") heard += number(kind === "video" ? framesDecoded : packetsReceived) ?? 0;
  });
  return heard;
}

/** The pair in use: by the transport where there is one, by Firefox's own `selected` where there is none. */
function selectedPair(entries: Map<string, Entry>): Entry | undefined {
  for (const entry of entries.values()) {
    if (entry.type === "transport") return entries.get(String(entry.selectedCandidatePairId));
    if (entry.type === "candidate-pair" && entry.selected === true) return entry;
  }
  return undefined;
}

/** In bit/s; unknown until there are two moments, and after a new connection began to count from nothing. */
function bitrate(before: Totals | undefined, now: Totals, of: "bytesSent" | "bytesReceived"): number | undefined {
  if (!before || now.atMs <= before.atMs || now[of] < before[of]) return undefined;
  return Math.round(((now[of] - before[of]) * 8_000) / (now.atMs - before.atMs));
}

function loss(before: Totals | undefined, now: Totals): number | undefined {
  if (!before) return undefined;
  // Lost packets may turn up after all, hence never below nothing.
  const lost = Math.max(0, now.packetsLost - before.packetsLost);
  const all = lost + now.packetsReceived - before.packetsReceived;
  return all > 0 ? lost / all : undefined;
}

const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
const string = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const sum = (entries: readonly Entry[], field: string): number =>
  entries.reduce((total, it) => total + (number(it[field]) ?? 0), 0);

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Leaves out what is not known. */
function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}
