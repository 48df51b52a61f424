import { expect, test } from "vitest";
import { readArrivals, readHeard, readStats } from "./stats";

type Entry = { id: string; type: string; [field: string]: unknown };
const report = (...entries: Entry[]) => new Map(entries.map((it) => [it.id, it]));

const rtp = (atMs: number, bytes: number, packets: number, lost: number): Entry[] => [
  {
    id: "a",
    type: "inbound-rtp",
    kind: "audio",
    timestamp: atMs,
    bytesReceived: bytes,
    packetsReceived: packets,
    packetsLost: lost,
    audioLevel: 0.25,
  },
  {
    id: "v",
    type: "inbound-rtp",
    kind: "video",
    timestamp: atMs,
    bytesReceived: 0,
    packetsReceived: 0,
    packetsLost: 0,
    framesDecoded: 42,
  },
  { id: "o", type: "outbound-rtp", kind: "audio", timestamp: atMs, bytesSent: 2 * bytes },
];

const PAIR: Entry = {
  id: "p",
  type: "candidate-pair",
  localCandidateId: "l",
  remoteCandidateId: "r",
  currentRoundTripTime: 0.0304,
};
const CANDIDATES: Entry[] = [
  { id: "l", type: "local-candidate", candidateType: "host", protocol: "udp" },
  { id: "r", type: "remote-candidate", candidateType: "prflx" },
];

test("tells what is there and leaves out what is not", () => {
  expect(readStats(report()).stats).toEqual({});
  expect(readStats(report(...rtp(0, 0, 0, 0))).stats).toEqual({ framesDecoded: 42, audioLevel: 0.25 });
});

test("rates and loss are of the time between two readings", () => {
  const before = readStats(report(...rtp(1_000, 1_000, 90, 10))).totals;
  const { stats } = readStats(report(...rtp(3_000, 5_000, 170, 30)), before);
  expect(stats).toMatchObject({ receiveBitrate: 16_000, sendBitrate: 32_000, receiveLoss: 0.2 });
});

test("a count that began anew gives no rate", () => {
  const before = readStats(report(...rtp(1_000, 5_000, 90, 10))).totals;
  const { stats } = readStats(report(...rtp(2_000, 10, 1, 0)), before);
  expect(stats.receiveBitrate).toBeUndefined();
});

test.each([
  ["the transport", [{ id: "t", type: "transport", selectedCandidatePairId: "p" }, PAIR]],
  ["Firefox's own mark", [{ ...PAIR, selected: true }]],
])("the pair in use is found by %s", (_, entries) => {
  const other: Entry = { id: "q", type: "candidate-pair", localCandidateId: "r", currentRoundTripTime: 9 };
  expect(readStats(report(other, ...entries, ...CANDIDATES)).stats).toEqual({
    localCandidateType: "host",
    remoteCandidateType: "prflx",
    protocol: "udp",
    roundTripMs: 30,
  });
});

test("arrivals grow with media, and with the checks alone when nobody sends any", () => {
  const media = (bytes: number) => readArrivals(report(...rtp(0, bytes, 1, 0)));
  expect(media(20)).toBeGreaterThan(media(10));

  const checks = (field: string, value: number) => readArrivals(report({ ...PAIR, selected: true, [field]: value }));
  expect(checks("responsesReceived", 8)).toBeGreaterThan(checks("responsesReceived", 7));
  expect(checks("lastPacketReceivedTimestamp", 8)).toBeGreaterThan(checks("lastPacketReceivedTimestamp", 7));
  expect(readArrivals(report())).toBe(0);
});

test("nothing arrives by a dead link whose browser selects now this pair, now that", () => {
  const other: Entry = { ...PAIR, id: "q", responsesReceived: 1 };
  const selecting = (pair: string) =>
    readArrivals(
      report({ id: "t", type: "transport", selectedCandidatePairId: pair }, { ...PAIR, responsesReceived: 5 }, other),
    );
  expect(selecting("p")).toBe(selecting("q"));
});

test("what is heard are packets of sound, and of pictures only those that can be shown", () => {
  const [audio, video, outbound] = rtp(0, 1_000, 9, 0) as [Entry, Entry, Entry];
  expect(readHeard(report(audio, outbound))).toBe(9);
  expect(readHeard(report({ ...video, packetsReceived: 500 }, outbound))).toBe(42);
  expect(readHeard(report())).toBe(0);
});
