/** Rounds of glare between two ends, wherever these are. */

import type { LogEntry } from "../../src/webrtc/types";
import { seeded, type Random } from "./random";

/** What a round needs of an end that may be in another browser. */
export type RemoteEnd = {
  readonly name: string;
  readonly act: () => Promise<string>;
  readonly resync: () => Promise<void>;
  readonly sendAll: () => Promise<void>;
  readonly isStable: () => Promise<boolean>;
  readonly wantsRenewal: () => Promise<boolean>;
  readonly renew: () => Promise<void>;
  readonly received: () => Promise<{ readonly mic: number; readonly cam: number }>;
  readonly complaints: () => Promise<readonly string[]>;
  readonly log: () => Promise<readonly LogEntry[]>;
  readonly describe: () => Promise<string>;
};

export type Link = {
  readonly ends: readonly [RemoteEnd, RemoteEnd];
  readonly polite: 0 | 1;
  readonly isQuiet: () => boolean;
  /** Loses what the ends say, in one direction or both, until `mend`. */
  readonly cut: (random: Random) => void;
  readonly mend: () => void;
  /** How often to look whether the ends agree: seldom where looking is slow. */
  readonly lookAgainMs: number;
};

/** Media are looked at so often, and at the end. Seldom, because a look takes as long as many rounds. */
const ROUNDS_BETWEEN_LOOKS = 10;
const OPERATIONS_MAX = 3;
const OPERATION_SPREAD_MS = 10;
const OUTAGES = 0.2;
const OUTAGE_MS_MAX = 30;
const AGREE_WITHIN_MS = 20_000;
/** Leaves time for the client to notice that it hears nothing, to restart ICE, and to ask for another link. */
const MEDIA_WITHIN_MS = 45_000;

/** What a batch came to. A link that an end wanted renewed was renewed, which is to be the exception. */
export type Played = { readonly rounds: number; readonly renewals: readonly string[] };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Plays rounds, and then looks at the media. Throws with the story of what went wrong. */
export async function play(link: Link, rounds: number, seed: number): Promise<Played> {
  const random = seeded(seed);
  const renewals: string[] = [];
  let round = 0;
  const settle = async (story: string): Promise<boolean> => {
    if (await agree(link, story)) return false;
    renewals.push(`seed ${seed}, round ${round}, after ${story}:\n${await tell(link)}`);
    await renew(link);
    return true;
  };
  try {
    for (; round < rounds; round += 1) {
      await settle(await playRound(link, random));
      if (round % ROUNDS_BETWEEN_LOOKS === 0) await expectMediaBothWays(link, settle);
    }
    await expectMediaBothWays(link, settle);
    return { rounds, renewals };
  } catch (error) {
    throw new Error(`seed ${seed}, round ${round}: ${String(error)}\n${await tell(link)}`);
  }
}

const tell = async (link: Link): Promise<string> => (await Promise.all(link.ends.map(tellLog))).join("\n");

async function tellLog(end: RemoteEnd): Promise<string> {
  const entries = (await end.log()).slice(-25);
  return [`${end.name}: ${await end.describe()}`, ...entries.map((entry) => `  ${JSON.stringify(entry)}`)].join("\n");
}

/** Lets both ends do random things at the same moments, and returns what they did. */
async function playRound(link: Link, random: Random): Promise<string> {
  const hasOutage = random.chance(OUTAGES);
  if (hasOutage) link.cut(random);
  const acts = link.ends.map((end) => actSometimes(end, random));
  if (hasOutage) {
    await pause(random.whole(OUTAGE_MS_MAX));
    link.mend();
    await Promise.all(link.ends.map((end) => end.resync()));
  }
  const done = await Promise.all(acts);
  const acted = link.ends.map(({ name }, index) => `${name}: ${done[index]!.join(", ")}`).join("; ");
  return acted + (hasOutage ? "; outage" : "");
}

async function actSometimes(end: RemoteEnd, random: Random): Promise<string[]> {
  const pauses = Array.from({ length: 1 + random.whole(OPERATIONS_MAX) }, () => random.whole(OPERATION_SPREAD_MS));
  const done: string[] = [];
  for (const ms of pauses) {
    await pause(ms);
    done.push(await end.act());
  }
  return done;
}

/**
 * Waits until nothing is on its way and both ends are stable, twice in a row; throws if that never is. Returns `false` as
 * soon as an end wants another link.
 */
async function agree(link: Link, story: string): Promise<boolean> {
  const deadline = performance.now() + AGREE_WITHIN_MS;
  for (let quietLooks = 0; quietLooks < 2;) {
    if (performance.now() > deadline) throw new Error(`no agreement after ${story}`);
    await pause(link.lookAgainMs);
    if (await isRenewalWanted(link)) return false;
    const areStable = await Promise.all(link.ends.map((end) => end.isStable()));
    quietLooks = link.isQuiet() && areStable.every(Boolean) ? quietLooks + 1 : 0;
  }
  for (const end of link.ends) {
    const complaints = await end.complaints();
    if (complaints.length > 0) throw new Error(`${end.name} gave up (${complaints.join(", ")}) after ${story}`);
  }
  return true;
}

async function isRenewalWanted(link: Link): Promise<boolean> {
  return (await Promise.all(link.ends.map((end) => end.wantsRenewal()))).some(Boolean);
}

/** Does what the server and level 3 do. The polite end first, so that it knows the number when the other's offer comes. */
async function renew({ ends, polite }: Link): Promise<void> {
  await ends[polite].renew();
  await ends[polite === 0 ? 1 : 0].renew();
}

/** Waits until pictures and sound of both ends are decoded by the other; `settle` tells whether the link was renewed. */
async function expectMediaBothWays(link: Link, settle: (story: string) => Promise<boolean>): Promise<void> {
  await Promise.all(link.ends.map((end) => end.sendAll()));
  await settle("sending all");
  const receive = () => Promise.all(link.ends.map((end) => end.received()));
  let before = await receive();
  const deadline = performance.now() + MEDIA_WITHIN_MS;
  for (;;) {
    const now = await receive();
    if (now.every((it, index) => it.mic > before[index]!.mic + 5 && it.cam > before[index]!.cam + 2)) return;
    if (performance.now() > deadline) {
      throw new Error(`media does not flow: before ${JSON.stringify(before)}, now ${JSON.stringify(now)}`);
    }
    await pause(50);
    if (await settle("waiting for media")) before = await receive();
  }
}
