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
  readonly received: () => Promise<{ readonly mic: number; readonly cam: number }>;
  readonly complaints: () => Promise<readonly string[]>;
  readonly log: () => Promise<readonly LogEntry[]>;
  readonly describe: () => Promise<string>;
};

export type Link = {
  readonly ends: readonly [RemoteEnd, RemoteEnd];
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
const MEDIA_WITHIN_MS = 20_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Plays rounds, and then looks at the media. Throws with the story of what went wrong. */
export async function play(link: Link, rounds: number, seed: number): Promise<void> {
  const random = seeded(seed);
  let round = 0;
  try {
    for (; round < rounds; round += 1) {
      await playRound(link, random);
      if (round % ROUNDS_BETWEEN_LOOKS === 0) await expectMediaBothWays(link);
    }
    await expectMediaBothWays(link);
  } catch (error) {
    const logs = await Promise.all(link.ends.map(tellLog));
    throw new Error(`seed ${seed}, round ${round}: ${String(error)}\n${logs.join("\n")}`);
  }
}

async function tellLog(end: RemoteEnd): Promise<string> {
  const entries = (await end.log()).slice(-25);
  return [`${end.name}: ${await end.describe()}`, ...entries.map((entry) => `  ${JSON.stringify(entry)}`)].join("\n");
}

/** Lets both ends do random things at the same moments, and waits until they agree. */
async function playRound(link: Link, random: Random): Promise<void> {
  const hasOutage = random.chance(OUTAGES);
  if (hasOutage) link.cut(random);
  const acts = link.ends.map((end) => actSometimes(end, random));
  if (hasOutage) {
    await pause(random.whole(OUTAGE_MS_MAX));
    link.mend();
    await Promise.all(link.ends.map((end) => end.resync()));
  }
  const done = await Promise.all(acts);
  await agree(
    link,
    link.ends.map(({ name }, index) => `${name}: ${done[index]!.join(", ")}`).join("; ") +
      (hasOutage ? "; outage" : ""),
  );
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

/** Resolves when nothing is on its way and both ends are stable, twice in a row; throws if that never is. */
async function agree(link: Link, story: string): Promise<void> {
  const deadline = performance.now() + AGREE_WITHIN_MS;
  for (let quietLooks = 0; quietLooks < 2;) {
    if (performance.now() > deadline) throw new Error(`no agreement after ${story}`);
    await pause(link.lookAgainMs);
    const areStable = await Promise.all(link.ends.map((end) => end.isStable()));
    quietLooks = link.isQuiet() && areStable.every(Boolean) ? quietLooks + 1 : 0;
  }
  for (const end of link.ends) {
    const complaints = await end.complaints();
    if (complaints.length > 0) throw new Error(`${end.name} gave up (${complaints.join(", ")}) after ${story}`);
  }
}

/** Waits until pictures and sound of both ends are decoded by the other. */
export async function expectMediaBothWays(link: Link): Promise<void> {
  await Promise.all(link.ends.map((end) => end.sendAll()));
  await agree(link, "sending all");
  const before = await Promise.all(link.ends.map((end) => end.received()));
  const deadline = performance.now() + MEDIA_WITHIN_MS;
  for (;;) {
    const now = await Promise.all(link.ends.map((end) => end.received()));
    if (now.every((it, index) => it.mic > before[index]!.mic + 5 && it.cam > before[index]!.cam + 2)) return;
    if (performance.now() > deadline) {
      throw new Error(`media does not flow: before ${JSON.stringify(before)}, now ${JSON.stringify(now)}`);
    }
    await pause(50);
  }
}
