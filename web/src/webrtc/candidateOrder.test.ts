import { expect, test } from "vitest";
import { candidateOrder } from "./candidateOrder";

const CHROMIUM = "candidate:1 1 udp 1 192.0.2.1 50000 typ host generation 0";
const FIREFOX = "candidate:0 1 UDP 1 192.0.2.2 50000 typ host";
const sdp = (fragment: string, ...candidates: string[]): string =>
  ["v=0", `a=ice-ufrag:${fragment}`, ...candidates.map((it) => `a=${it}`), ""].join("\r\n");

/** One end whose first ICE generation is agreed, and that just offered another. */
function restarted(own: string, peer: string) {
  const said: string[] = [];
  const order = candidateOrder(({ candidate }) => said.push(candidate));
  order.describe({ type: "offer", sdp: sdp("own1") }, undefined);
  order.gathered({ candidate: own });
  order.heard(peer, sdp("peer1"));
  order.heard("", sdp("peer1"));
  said.length = 0;
  const offer = order.describe({ type: "offer", sdp: sdp("own2", own) }, sdp("peer1"));
  order.gathered({ candidate: own });
  return { order, said, offer };
}

test("a restarting Chromium says its candidates only when it knows all hosts of a Firefox", () => {
  const { order, said, offer } = restarted(CHROMIUM, FIREFOX);
  expect(offer.sdp).toBe(sdp("own2"));
  order.heard(FIREFOX, sdp("peer2"));
  expect(said).toEqual([]);
  order.heard("", sdp("peer2"));
  expect(said).toEqual([CHROMIUM]);
});

test("the peer's candidates may come in its description", () => {
  const { order, said } = restarted(CHROMIUM, FIREFOX);
  order.heardDescription(sdp("peer2", FIREFOX, "end-of-candidates"));
  expect(said).toEqual([CHROMIUM]);
});

test("all other pairs of browsers wait for nobody", () => {
  for (const [own, peer] of [
    [CHROMIUM, CHROMIUM],
    [FIREFOX, FIREFOX],
    [FIREFOX, CHROMIUM],
  ] as const) {
    expect(restarted(own, peer).said).toEqual([own]);
  }
});
