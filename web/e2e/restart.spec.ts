/** The server is killed in the middle of a call and started again: everybody is back by themselves, as who they were. */

import type { Page } from "@playwright/test";
import { expectInCall, expectPeople, join } from "./support/call";
import { follow } from "./support/sights";
import { expect, test } from "./support/test";

test("a call of two goes on after the server was killed", async ({ open, room, serve }) => {
  const { origin, crash } = await serve([]);
  const ada = await open(`/${room}`, { origin });
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { origin, kind: "firefox" });
  await join(grace, "Grace");
  const pages = [ada, grace];
  for (const page of pages) await expectInCall(page, 1);
  const sights = [await follow(ada, "Grace"), await follow(grace, "Ada")];

  const returns = await Promise.all(pages.map(lookOut));
  await crash();
  await Promise.all(returns.map((rejoined) => rejoined()));
  await expectBack(pages, 1);
  await expectPeople(ada, ["Grace"]);
  await expectPeople(grace, ["Ada"]);
  for (const seen of sights) await expectNeverGone(seen);
});

test("a call through the server goes on after it was killed", async ({ open, room, serve }) => {
  test.setTimeout(120_000);
  const { origin, crash } = await serve(["--topology", "sfu"]);
  const names = ["Ada", "Grace", "Alan"];
  const pages: Page[] = [];
  for (const name of names) {
    const page = await open(`/${room}`, { origin });
    await join(page, name);
    pages.push(page);
  }
  for (const page of pages) await expectInCall(page, 2);
  const sights = await Promise.all(pages.map((page, index) => follow(page, names[(index + 1) % names.length]!)));

  const returns = await Promise.all(pages.map(lookOut));
  await crash();
  await Promise.all(returns.map((rejoined) => rejoined()));
  await expectBack(pages, 2);
  for (const seen of sights) await expectNeverGone(seen);
});

test("who is told that the server restarts is shown so, and is back by themselves", async ({ open, room, serve }) => {
  const { origin, restart } = await serve(["--topology", "sfu"]);
  const names = ["Ada", "Grace"];
  const pages: Page[] = [];
  for (const name of names) {
    const page = await open(`/${room}`, { origin });
    await join(page, name);
    pages.push(page);
  }
  for (const page of pages) await expectInCall(page, 1);
  const sights = [await follow(pages[0]!, "Grace"), await follow(pages[1]!, "Ada")];

  const returns = await Promise.all(pages.map(lookOut));
  await restart(async () => {
    for (const page of pages) await expect(page.getByRole("status").getByText("The server restarts.")).toBeVisible();
  });
  await Promise.all(returns.map((rejoined) => rejoined()));
  await expectBack(pages, 1);
  for (const seen of sights) await expectNeverGone(seen);
});

/** Begins to look out for the next time that the server lets a page in. Returns how to wait for it. */
async function lookOut(page: Page): Promise<() => Promise<unknown>> {
  // Playwright tells of the WebSockets of Chromium alone.
  const rejoined = await page.evaluateHandle(() => {
    const promise = new Promise<void>((resolve) => {
      window.WebSocket = class extends WebSocket {
        constructor(url: string | URL) {
          super(url);
          this.addEventListener("message", ({ data }) => String(data).includes('"type":"snapshot"') && resolve());
        }
      };
    });
    return { promise };
  });
  return () => rejoined.evaluate(({ promise }) => promise);
}

/** Media flow again, and nobody has had to join anew. */
async function expectBack(pages: readonly Page[], peers: number): Promise<void> {
  for (const page of pages) {
    await expect(page.getByRole("button", { name: "Leave", exact: true })).toBeVisible();
    await expectInCall(page, peers);
  }
}

async function expectNeverGone(sights: Awaited<ReturnType<typeof follow>>): Promise<void> {
  const seen = (await sights()).map(({ what }) => what);
  expect(seen).not.toContain("gone");
  expect(seen.at(-1)).toBe("there");
}
