/**
 * Two real browsers on two hosts of the network laboratory (crates/allo-lab), in a call with each other.
 *
 * Arguments: the namespace and the address to open, for each of the two. It says `ready` when both have media, reads a line when the
 * fault has happened, and then says in JSON when media came again after pauses, once they have come for a while, and when the browser
 * named another address of its own.
 */

import { chromium } from "@playwright/test";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";

const CHROMIUM = process.env.CHROMIUM_BIN ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream=fps=30,display-media-type=browser",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];
/** A pause of media that is noted. Lower: busy machines make some by themselves; higher: a person would have noticed. */
const PAUSE_MS = 500;
/** For so long media have to come without a pause to be back. */
const STEADY_MS = 5_000;
/** Nothing here takes nearly as long, unless it never comes. */
const PATIENCE_MS = 120_000;

const [, , ...args] = process.argv;
const folder = await mkdtemp(join(tmpdir(), "allo-lab-"));
const input = createInterface({ input: process.stdin });
const lines = input[Symbol.asyncIterator]();
const browsers = [];
try {
  const pages = [];
  for (const [index, name] of ["Alice", "Bob"].entries()) pages.push(await enter(name, ...args.slice(index * 2)));
  await Promise.all(pages.map((page) => untilSteady(page, Date.now())));
  console.log("ready");
  await lines.next();
  const since = Date.now();
  await Promise.all(pages.map((page) => untilSteady(page, since)));
  const seen = await Promise.all(pages.map(look));
  console.log(JSON.stringify(seen));
} finally {
  input.close();
  for (const browser of browsers) await browser.close();
  await rm(folder, { recursive: true });
}

/** Opens the page on a host, and joins as a person would. */
async function enter(name, namespace, url) {
  const program = join(folder, name);
  await writeFile(program, `#!/bin/sh\nexec ip netns exec ${namespace} ${CHROMIUM} "$@"\n`);
  await chmod(program, 0o700);
  const browser = await chromium.launch({ executablePath: program, args: FLAGS });
  browsers.push(browser);
  const context = await browser.newContext({ ignoreHTTPSErrors: true, permissions: ["camera", "microphone"] });
  const page = await context.newPage();
  await page.addInitScript(listen, PAUSE_MS);
  await page.goto(url);
  await page.getByRole("button", { name: "Turn on camera and microphone" }).click();
  await page.getByRole("button", { name: "Turn camera off" }).waitFor();
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await page.getByRole("button", { name: "Leave", exact: true }).waitFor();
  return page;
}

/** In the page, before its own scripts: notes when media came again after a pause. */
function listen(pauseMs) {
  const connections = [];
  const most = new Map();
  const addresses = new Set();
  const heard = { last: Date.now(), again: [], started: Date.now(), movedAt: null };
  window.heard = heard;
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...options) {
      super(...options);
      connections.push(this);
      this.addEventListener("icecandidate", ({ candidate }) => {
        if (candidate?.type !== "host" || addresses.has(candidate.address)) return;
        if (addresses.size > 0) heard.movedAt = Date.now();
        addresses.add(candidate.address);
      });
    }
  };
  const sum = () => [...most.values()].reduce((all, one) => all + one, 0);
  const look = async () => {
    const before = sum();
    for (const connection of connections.filter((it) => it.connectionState !== "closed")) {
      const reports = [...(await connection.getStats()).values()];
      const packets = reports.map((it) => (it.type === "inbound-rtp" ? it.packetsReceived : 0));
      most.set(
        connection,
        Math.max(
          most.get(connection) ?? 0,
          packets.reduce((all, one) => all + one, 0),
        ),
      );
    }
    const now = Date.now();
    if (sum() > before) {
      if (now - heard.last >= pauseMs) {
        heard.again.push(now);
        heard.started = now;
      }
      heard.last = now;
    }
    setTimeout(() => void look(), 100);
  };
  void look();
}

/** Waits until media have come without a pause for a while, all of which is after `since`. */
async function untilSteady(page, since) {
  await page.waitForFunction(
    ([from, steadyMs, pauseMs]) => {
      const { last, started } = window.heard;
      return last - Math.max(from, started) >= steadyMs && Date.now() - last < pauseMs;
    },
    [since, STEADY_MS, PAUSE_MS],
    { timeout: PATIENCE_MS, polling: 100 },
  );
}

async function look(page) {
  const tiles = page.getByRole("list", { name: "People" }).getByRole("listitem");
  return {
    heardAgain: await page.evaluate(() => window.heard.again),
    movedAt: await page.evaluate(() => window.heard.movedAt),
    people: await tiles.count(),
    isIn: await page.getByRole("button", { name: "Leave", exact: true }).isVisible(),
  };
}
