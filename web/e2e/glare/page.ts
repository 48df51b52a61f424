/** What runs in the page: pairs of ends in one browser, or one end of a link whose other end is in another browser. */

import type { Negotiation } from "../../src/webrtc/types";
import { makeEnd, type End } from "./end";
import { seeded, type Random } from "./random";
import { play, type Link, type Played, type RemoteEnd } from "./rounds";
import { wire, type LinkSignal } from "./wire";

export type BatchOptions = { readonly negotiation: Negotiation; readonly seed: number; readonly rounds: number };
export type FarOptions = Omit<BatchOptions, "rounds"> & { readonly polite: boolean; readonly name: string };

const here = (name: string, end: End): RemoteEnd => ({
  name,
  act: async () => end.act(),
  resync: async () => end.resync(),
  wantsRenewal: async () => end.wantsRenewal(),
  renew: async () => end.renew(),
  sendAll: async () => end.sendAll(),
  isStable: end.isStable,
  received: end.received,
  complaints: async () => end.complaints,
  log: async () => end.log,
  describe: end.describe,
});

/** Plays rounds between two ends in this page. */
async function playHere({ negotiation, seed, rounds }: BatchOptions): Promise<Played> {
  const random = seeded(seed);
  const ends: End[] = [];
  const wires = [1, 0].map((to) => wire(seeded(random.whole(2 ** 32)), (signal) => ends[to]?.receive(signal)));
  for (const index of [0, 1]) {
    const own: Random = seeded(random.whole(2 ** 32));
    ends.push(
      await makeEnd({ polite: index === 1, negotiation, random: own, send: (signal) => wires[index]!.send(signal) }),
    );
  }
  const link: Link = {
    ends: [here("impolite", ends[0]!), here("polite", ends[1]!)] as const,
    polite: 1,
    isQuiet: () => wires.every((it) => it.isEmpty()),
    cut: (chance: Random) => chance.pick([[0], [1], [0, 1]]).forEach((index) => wires[index]!.cut()),
    mend: () => wires.forEach((it) => it.mend()),
    lookAgainMs: 8,
  };
  try {
    return await play(link, rounds, random.whole(2 ** 32));
  } finally {
    ends.forEach((end) => end.close());
  }
}

/** Several pairs at once: most of a round is waiting for the other end. */
function playBatches(batches: readonly BatchOptions[]): Promise<Played[]> {
  return Promise.all(batches.map(playHere));
}

type Far = { readonly end: End; readonly posted: () => Promise<unknown>; readonly close: () => void };

/** The ends of this page whose other ends are in another browser, by name. */
const fars = new Map<string, Far>();

const far = (name: string): Far => {
  const found = fars.get(name);
  if (!found) throw new Error(`there is no end ${name}`);
  return found;
};

/** Makes this page's end of a link whose signals go through the server that this page came from. */
async function openFar({ negotiation, polite, seed, name }: FarOptions): Promise<void> {
  let lastPost: Promise<unknown> = Promise.resolve();
  const send = (signal: LinkSignal): void => {
    // One after the other: the order of signals is part of the contract.
    lastPost = lastPost.then(() => fetch(`/signals/${name}`, { method: "POST", body: JSON.stringify(signal) }));
  };
  const end = await makeEnd({ polite, negotiation, random: seeded(seed), send });
  const events = new EventSource(`/signals/${name}`);
  events.onmessage = ({ data }: MessageEvent<string>) => end.receive(JSON.parse(data) as LinkSignal);
  const close = (): void => {
    events.close();
    end.close();
  };
  fars.set(name, { end, posted: () => lastPost, close });
  await new Promise((resolve) => (events.onopen = resolve));
}

function closeFar(name: string): void {
  far(name).close();
  fars.delete(name);
}

async function isStable(name: string): Promise<boolean> {
  await far(name).posted();
  return far(name).end.isStable();
}

export const glare = {
  playBatches,
  openFar,
  closeFar,
  isStable,
  act: (name: string) => far(name).end.act(),
  resync: (name: string) => far(name).end.resync(),
  wantsRenewal: (name: string) => far(name).end.wantsRenewal(),
  renew: (name: string) => far(name).end.renew(),
  sendAll: (name: string) => far(name).end.sendAll(),
  received: (name: string) => far(name).end.received(),
  complaints: (name: string) => far(name).end.complaints,
  log: (name: string) => far(name).end.log,
  describe: (name: string) => far(name).end.describe(),
};

Object.assign(globalThis, { glare });
