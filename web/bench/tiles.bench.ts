/**
 * How busy the page's main thread is in a full room: fifty people on the stage, page by page, and in the open list of people, while the
 * server says ten times a second who speaks or which pictures come, and the own voice is measured as often. The people are pretended: they
 * send no media, whose work is not the page's.
 */

import { setInterval } from "node:timers/promises";
import type { CDPSession } from "@playwright/test";
import { expect, test } from "../e2e/support/test";
import { enter } from "../e2e/support/call";
import type { Participant, ServerMessage } from "../src/protocol/messages";

const PEOPLE = 50;
const UPDATE_MS = 100;
const MEASURE_MS = 10_000;

/** Of a core, in percent. */
const MOST = 15;

const person = (number: number): Participant => ({
  id: `person-${number}`,
  displayName: `Person ${number}`,
  mic: true,
  cam: true,
  screen: false,
  connection: "online",
});
const SLOTS = 12;
const layers = Array.from({ length: SLOTS }, () => 0);
const others = Array.from({ length: PEOPLE - 1 }, (_, number) => person(number));

test("fifty people, ten updates a second", async ({ open, room }) => {
  let say: ((message: ServerMessage) => void) | undefined;
  let session = 0;
  const page = await open(`/${room}?topology=sfu`, {
    viewport: { width: 1440, height: 900 },
    before: (it) =>
      it.routeWebSocket(/\/ws$/u, (toPage) => {
        const toServer = toPage.connectToServer();
        say = (message) => toPage.send(JSON.stringify(message));
        toPage.onMessage((text) => {
          const message = JSON.parse(String(text)) as { readonly type: string; readonly session?: number };
          if (message.type === "mediaOffer") session = message.session ?? session;
          // Of these the real server knows nothing.
          if (message.type !== "subscribe") toServer.send(text);
        });
        toServer.onMessage((text) => {
          const message = JSON.parse(String(text)) as ServerMessage;
          if (message.type === "slots" || message.type === "speakers") return;
          if (message.type !== "snapshot") return toPage.send(text);
          say?.({ ...message, participants: [...message.participants, ...others] });
        });
      }),
  });
  await enter(page, "Ada");
  await page.getByRole("button", { name: "Unmute microphone" }).click();
  await expect(page.getByRole("button", { name: "Mute microphone" })).toBeVisible();
  await page.keyboard.press("p");
  await expect(page.getByText("Person 48", { exact: true }).last()).toBeAttached();
  await expect.poll(() => session).toBeGreaterThan(0);
  const tiles = await page.getByRole("list", { name: "People", exact: true }).first().getByRole("listitem").count();

  const cdp = await page.context().newCDPSession(page);
  // By the thread's own clock: what others do on the machine is not counted.
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  const idle = await share(cdp, () => undefined);
  let tick = 0;
  const busy = await share(cdp, () => {
    tick += 1;
    update(tick);
  });
  console.log(
    `${PEOPLE} people, ${tiles} tiles on the stage, ${PEOPLE} rows: the main thread is busy for ${busy.toFixed(1)} % of a core ` +
      `with ten updates a second (${idle.toFixed(1)} % without); the limit is ${MOST} %`,
  );
  expect(busy).toBeLessThan(MOST);

  /** By turns: one of the three who speak is another one; one of the pictures is left out, or comes again, or in another layer. */
  function update(now: number): void {
    const changed = Math.floor(now / 2);
    if (now % 2 === 0) {
      const speaking = [0, 1, 2].map(
        (turn) => `person-${(Math.floor((changed + turn) / 3) * 3 + turn * 5) % (PEOPLE - 1)}`,
      );
      return say?.({ type: "speakers", speaking, active: `person-${Math.floor(now / 10) % (PEOPLE - 1)}` });
    }
    const line = changed % SLOTS;
    layers[line] = ((layers[line] ?? 0) + 1) % 3;
    const slots = layers.map((layer, slot) => ({
      mid: String(slot + 20),
      participant: `person-${slot}`,
      source: "cam" as const,
      layer,
      paused: slot === line && changed % 4 === 0,
    }));
    say?.({ type: "slots", session, slots });
  }

  async function share(by: CDPSession, run: () => void): Promise<number> {
    const before = await taskSeconds(by);
    const began = performance.now();
    for await (const from of setInterval(UPDATE_MS, began)) {
      run();
      if (performance.now() - from > MEASURE_MS) break;
    }
    const after = await taskSeconds(by);
    return ((after - before) * 100_000) / (performance.now() - began);
  }
});

async function taskSeconds(cdp: CDPSession): Promise<number> {
  const { metrics } = await cdp.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN;
}
