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

  const back = pages.map(rejoined);
  await crash();
  await Promise.all(back);
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

  const back = pages.map(rejoined);
  await crash();
  await Promise.all(back);
  await expectBack(pages, 2);
  for (const seen of sights) await expectNeverGone(seen);
});

/** Resolves when the server has let a page in once more. */
function rejoined(page: Page): Promise<void> {
  return new Promise((resolve) => {
    page.on("websocket", (socket) => {
      socket.on("framereceived", ({ payload }) => String(payload).includes('"type":"snapshot"') && resolve());
    });
  });
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
