import { describe, expect, test } from "vitest";
import type { PeerStats } from "../webrtc/types";
import type { Person } from "./model";
import { qualityOf, wayOf, type Quality } from "./quality";
import { inCall, pageOf, participant } from "./testing/example";

const [, ada] = pageOf(inCall(participant("ada")), "room").people as [Person, Person];
const connected: Person = { ...ada, link: "connected" };
const stats = (changes: Partial<PeerStats>): PeerStats => ({
  peer: "ada",
  path: "server",
  connectionState: "connected",
  iceConnectionState: "connected",
  signalingState: "stable",
  ...changes,
});

describe("the quality of a connection", () => {
  test.each<[string, Person, Partial<PeerStats>, Quality | null]>([
    ["is not judged before it is there", ada, {}, null],
    ["is good when nothing is lost", connected, { receiveLoss: 0, roundTripMs: 20 }, "good"],
    ["is good until something else is known", connected, {}, "good"],
    ["is fair when a little is lost", connected, { receiveLoss: 0.03 }, "fair"],
    ["is fair when it is long", connected, { roundTripMs: 300 }, "fair"],
    ["is poor when much is lost", connected, { receiveLoss: 0.1 }, "poor"],
    ["is poor when it is very long", connected, { roundTripMs: 900 }, "poor"],
    ["is poor when it is interrupted", { ...connected, link: "interrupted" }, {}, "poor"],
    ["is poor when a picture has to be left out", { ...connected, paused: ["cam"] }, {}, "poor"],
  ])("%s", (_, person, changes, quality) => {
    expect(qualityOf(person, stats(changes))).toBe(quality);
  });
});

test.each([
  [{}, null],
  [{ localCandidateType: "host", protocol: "udp" }, "udp"],
  [{ localCandidateType: "prflx", protocol: "tcp" }, "tcp"],
  [{ localCandidateType: "relay", protocol: "udp", relayProtocol: "udp" }, "relayUdp"],
  [{ localCandidateType: "relay", protocol: "udp", relayProtocol: "tcp" }, "relayTcp"],
  [{ localCandidateType: "relay", protocol: "udp", relayProtocol: "tls" }, "relayTls"],
] as const)("media by %o go %s", (changes, way) => {
  expect(wayOf(stats(changes))).toBe(way);
});
