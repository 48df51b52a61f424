/**
 * Glare: both ends of a link do things at the same moments, thousands of times, in and across real browsers. Each
 * round must end with both `stable`, and each batch with sound and pictures both ways.
 *
 * ALLO_GLARES says how many rounds there are in all; ALLO_GLARE_SEED repeats a run.
 */

import { chromium, firefox, test, type Browser, type Page } from "@playwright/test";
import type { Negotiation } from "../src/webrtc/types";
import { glareHost, type Host } from "./glare/host";
import type { BatchOptions, glare as Glare } from "./glare/page";
import { seeded } from "./glare/random";
import { play, type RemoteEnd } from "./glare/rounds";

declare const glare: typeof Glare;

const ROUNDS = Number(process.env.ALLO_GLARES ?? 2_400);
const SEED = Number(process.env.ALLO_GLARE_SEED ?? Date.now() % 2 ** 32);
/** Each batch has a link of its own, so that first negotiations are tried often, too. */
const ROUNDS_PER_LINK = 40;
/** More would make the machine the bottleneck, fewer leave it idle between signals. */
const LINKS_AT_ONCE = 4;

/** How the rounds are shared out. Crossing browsers is slower for each round. */
const SHARES = { chromium: 0.45, firefox: 0.35, across: 0.2 } as const;
const ALGORITHMS: readonly { negotiation: Negotiation; share: number }[] = [
  { negotiation: "perfect", share: 0.75 },
  { negotiation: "simple", share: 0.25 },
];

/** Firefox over BiDi has no emulation of these, so it must not be asked for any. */
const plain = { colorScheme: null, reducedMotion: null, forcedColors: null, contrast: null };

let host: Host;
test.beforeAll(async () => {
  console.log(`glare: ${ROUNDS} rounds, ALLO_GLARE_SEED=${SEED}`);
  host = await glareHost();
});
test.afterAll(() => host.close());

for (const { negotiation, share } of ALGORITHMS) {
  for (const name of ["chromium", "firefox"] as const) {
    test(`${negotiation} negotiation survives glare in ${name}`, async () => {
      const rounds = Math.ceil(ROUNDS * share * SHARES[name]);
      test.setTimeout(60_000 + rounds * 1_000);
      const browser = await launch[name]();
      try {
        const page = await openPage(browser);
        for (const batches of inGroups(batchesOf(negotiation, rounds), LINKS_AT_ONCE)) {
          await page.evaluate((it) => glare.playBatches(it), batches);
        }
      } finally {
        await browser.close();
      }
    });
  }

  test(`${negotiation} negotiation survives glare across browsers`, async () => {
    const rounds = Math.ceil(ROUNDS * share * SHARES.across);
    test.setTimeout(60_000 + rounds * 1_000);
    const browsers = await Promise.all([launch.chromium(), launch.firefox()]);
    try {
      const pages = [await openPage(browsers[0]), await openPage(browsers[1])] as const;
      for (const [index, batch] of batchesOf(negotiation, rounds).entries()) await playAcross(pages, batch, index % 2);
    } finally {
      await Promise.all(browsers.map((browser) => browser.close()));
    }
  });
}

function batchesOf(negotiation: Negotiation, rounds: number): BatchOptions[] {
  const seeds = seeded(SEED);
  const links = Math.ceil(rounds / ROUNDS_PER_LINK);
  return Array.from({ length: links }, () => ({
    negotiation,
    seed: seeds.whole(2 ** 32),
    rounds: Math.ceil(rounds / links),
  }));
}

/** Plays a batch between two browsers; `polite` says which of them gives way. */
async function playAcross(pages: readonly [Page, Page], { negotiation, seed, rounds }: BatchOptions, polite: number) {
  const random = seeded(seed);
  const wires = host.newWires(random.whole(2 ** 32));
  const names = ["a", "b"] as const;
  await Promise.all(
    pages.map((page, index) =>
      page.evaluate((it) => glare.openFar(it), {
        negotiation,
        polite: index === polite,
        seed: random.whole(2 ** 32),
        name: names[index]!,
      }),
    ),
  );
  const link = {
    ends: [
      far(pages[0], `a${polite === 0 ? " (polite)" : ""}`),
      far(pages[1], `b${polite === 1 ? " (polite)" : ""}`),
    ] as const,
    isQuiet: () => names.every((name) => wires[name].isEmpty()),
    cut: () => names.filter(() => random.chance(0.7)).forEach((name) => wires[name].cut()),
    mend: () => names.forEach((name) => wires[name].mend()),
  };
  await play(link, rounds, random.whole(2 ** 32));
  await Promise.all(pages.map((page) => page.evaluate(() => glare.closeFar())));
}

const far = (page: Page, name: string): RemoteEnd => ({
  name,
  act: () => page.evaluate(() => glare.act()),
  resync: () => page.evaluate(() => glare.resync()),
  sendAll: () => page.evaluate(() => glare.sendAll()),
  isStable: () => page.evaluate(() => glare.isStable()),
  received: () => page.evaluate(() => glare.received()),
  complaints: () => page.evaluate(() => glare.complaints()),
  log: () => page.evaluate(() => glare.log()),
});

const inGroups = <T>(all: readonly T[], of: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / of) }, (_, index) => all.slice(index * of, (index + 1) * of));

async function openPage(browser: Browser): Promise<Page> {
  const page = await browser.newPage(plain);
  await page.goto(host.url);
  await page.addScriptTag({ content: host.script });
  return page;
}

const launch = {
  chromium: () =>
    chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream=fps=30",
      ],
    }),
  firefox: () =>
    firefox.launch({
      channel: "moz-firefox",
      executablePath: "/usr/bin/firefox-esr",
      firefoxUserPrefs: {
        "media.navigator.streams.fake": true,
        "media.navigator.permission.disabled": true,
        "media.autoplay.default": 0,
        "media.peerconnection.ice.obfuscate_host_addresses": false,
      },
    }),
};
