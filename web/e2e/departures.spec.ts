/** People who go without saying so: the others are told soon, and in the right order. */

import type { Page } from "@playwright/test";
import { expectInCall, expectPeople, join, tile } from "./support/call";
import type { BrowserKind } from "./support/browsers";
import { feelPulse, follow, type Pulse, type Sight } from "./support/sights";
import { expect, test, type OpenOptions } from "./support/test";
import { layWire } from "./support/wire";

const KINDS: readonly BrowserKind[] = ["chromium", "firefox"];

/** A server that gives up on people sooner: at the latest after a second, and for good after three. No media keep them longer. */
const IMPATIENT = ["--ping-interval", "250ms", "--missed-pongs", "3", "--lease", "3s", "--topology", "mesh"];

for (const kind of KINDS) {
  test(`a killed ${kind} is reconnecting for the others, and then gone`, async ({ open, room, serve, launchOwn }) => {
    const { origin } = await serve(IMPATIENT);
    const own = await launchOwn(kind);
    const { ada, pulse } = await callBetween(open, room, { origin }, { origin, own });
    const sights = await follow(ada, "Grace");

    const killed = Date.now();
    await own.kill();
    await expectLost(ada, await untilGone(ada, sights), { killed, pulse, reconnectingMs: 2_000, goneMs: 5_000 });
  });
}

test("a machine that loses its power is reconnecting within 6 s, and gone within 25 s", async ({
  open,
  room,
  server,
  launchOwn,
}) => {
  test.setTimeout(90_000);
  const wire = await layWire(server.port);
  const own = await launchOwn("chromium");
  const { ada, pulse } = await callBetween(open, room, {}, { origin: wire.origin, own });
  const sights = await follow(ada, "Grace");

  // A killed program's system still ends its connections; a machine without power does not even do that.
  wire.hush();
  const killed = Date.now();
  await own.kill();
  await expectLost(ada, await untilGone(ada, sights), { killed, pulse, reconnectingMs: 6_000, goneMs: 25_000 });
  await wire.close();
});

for (const kind of KINDS) {
  test(`who closes the tab of a ${kind} is gone for the others within 2 s`, async ({ open, room }) => {
    const { ada, grace, pulse } = await callBetween(open, room, {}, { kind });
    const sights = await follow(ada, "Grace");

    await grace.close({ runBeforeUnload: true });
    const closed = Date.now();
    const seen = await untilGone(ada, sights);
    expect(at(seen, "gone") - closed).toBeLessThan(2_000 + pulse.lateness());
    await expectPeople(ada, []);
  });
}

type Call = { readonly ada: Page; readonly grace: Page; readonly pulse: Pulse };

async function callBetween(
  open: (path: string, options: OpenOptions) => Promise<Page>,
  room: string,
  adas: OpenOptions,
  graces: OpenOptions,
): Promise<Call> {
  let pulse: Pulse | undefined;
  const before = async (page: Page): Promise<void> => {
    pulse = feelPulse(page);
  };
  const ada = await open(`/${room}`, { ...adas, before });
  await join(ada, "Ada");
  const grace = await open(`/${room}`, graces);
  await join(grace, "Grace");
  await expectInCall(ada, 1);
  await expectInCall(grace, 1);
  return { ada, grace, pulse: pulse! };
}

async function untilGone(page: Page, sights: () => Promise<readonly Sight[]>): Promise<readonly Sight[]> {
  await expect(tile(page, "Grace")).toHaveCount(0, { timeout: 40_000 });
  return sights();
}

function at(sights: readonly Sight[], what: Sight["what"]): number {
  return sights.find((sight) => sight.what === what)!.at;
}

type Loss = {
  readonly killed: number;
  readonly pulse: Pulse;
  readonly reconnectingMs: number;
  readonly goneMs: number;
};

/** Reconnecting first, gone after that and for good; each in time, as far as the machine itself was. */
async function expectLost(ada: Page, seen: readonly Sight[], loss: Loss): Promise<void> {
  expect(seen.map(({ what }) => what)).toEqual(["there", "reconnecting", "gone"]);
  const late = loss.pulse.lateness();
  expect(at(seen, "reconnecting") - loss.killed).toBeLessThan(loss.reconnectingMs + late);
  expect(at(seen, "gone") - loss.killed).toBeLessThan(loss.goneMs + late);
  await expectPeople(ada, []);
}
