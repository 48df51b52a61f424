/** What runs in the page: pairs of ends in one browser, or one end of a link whose other end is in another browser. */

import type { Negotiation } from "../../src/webrtc/types";
import type { Signal } from "../../src/webrtc/peerConnection";
import { makeEnd, type End } from "./end";
import { seeded, type Random } from "./random";
import { play, type RemoteEnd } from "./rounds";
import { wire } from "./wire";

export type BatchOptions = { readonly negotiation: Negotiation; readonly seed: number; readonly rounds: number };
export type FarOptions = Omit<BatchOptions, "rounds"> & { readonly polite: boolean; readonly name: string };

const here = (name: string, end: End): RemoteEnd => ({
  name,
  act: async () => end.act(),
  resync: async () => end.connection.resync(),
  sendAll: async () => end.sendAll(),
  isStable: end.isStable,
  received: end.received,
  complaints: async () => end.complaints,
  log: async () => end.log,
});

/** Plays rounds between two ends in this page. */
async function playHere({ negotiation, seed, rounds }: BatchOptions): Promise<void> {
  const random = seeded(seed);
  const ends: End[] = [];
  const wires = [1, 0].map((to) =>
    wire(seeded(random.whole(2 ** 32)), (signal) => ends[to]?.connection.receive(signal)),
  );
  for (const index of [0, 1]) {
    const own: Random = seeded(random.whole(2 ** 32));
    ends.push(
      await makeEnd({ polite: index === 1, negotiation, random: own, send: (signal) => wires[index]!.send(signal) }),
    );
  }
  const link = {
    ends: [here("impolite", ends[0]!), here("polite", ends[1]!)] as const,
    isQuiet: () => wires.every((it) => it.isEmpty()),
    cut: (chance: Random) => chance.pick([[0], [1], [0, 1]]).forEach((index) => wires[index]!.cut()),
    mend: () => wires.forEach((it) => it.mend()),
  };
  try {
    await play(link, rounds, random.whole(2 ** 32));
  } finally {
    ends.forEach((end) => end.close());
  }
}

/** Several pairs at once: most of a round is waiting for the other end. */
async function playBatches(batches: readonly BatchOptions[]): Promise<void> {
  await Promise.all(batches.map(playHere));
}

let far: End | undefined;

/** Makes this page's end of a link whose signals go through the server that this page came from. */
async function openFar({ negotiation, polite, seed, name }: FarOptions): Promise<void> {
  closeFar();
  let lastPost: Promise<unknown> = Promise.resolve();
  const send = (signal: Signal): void => {
    // One after the other: the order of signals is part of the contract.
    lastPost = lastPost.then(() => fetch(`/signals/${name}`, { method: "POST", body: JSON.stringify(signal) }));
  };
  far = await makeEnd({ polite, negotiation, random: seeded(seed), send });
  const events = new EventSource(`/signals/${name}`);
  events.onmessage = ({ data }: MessageEvent<string>) => far?.connection.receive(JSON.parse(data) as Signal);
  await new Promise((resolve) => (events.onopen = resolve));
  farPosts = () => lastPost;
  closeEvents = () => events.close();
}

let farPosts = (): Promise<unknown> => Promise.resolve();
let closeEvents = (): void => {};

function closeFar(): void {
  far?.close();
  closeEvents();
}

export const glare = {
  playBatches,
  openFar,
  closeFar,
  act: () => far!.act(),
  resync: () => far!.connection.resync(),
  sendAll: () => far!.sendAll(),
  isStable: async () => (await farPosts(), far!.isStable()),
  received: () => far!.received(),
  complaints: () => far!.complaints,
  log: () => far!.log,
};

Object.assign(globalThis, { glare });
