/** What people write is shown as they wrote it, and does nothing. */

import { enter, expectPeople, tile } from "./support/call";
import { joinCrowd } from "./support/crowd";
import { expect, test } from "./support/test";

/** Each fits into 64 characters, so that the server cuts nothing off. */
const HOSTILE = [
  "<script>window.pwned = 1</script>",
  "<img src=x onerror=window.pwned=1>",
  '"><svg onload=window.pwned=1>',
  "{@html '<b>pwned</b>'} ${window.pwned=1}",
  "javascript:window.pwned=1//",
  "</title><iframe srcdoc=pwned>",
];

test("hostile names are text", async ({ open, room }) => {
  const page = await open(`/${room}`);
  await enter(page, HOSTILE[0]!);
  const others = await open("/");
  await joinCrowd(others, room, HOSTILE.slice(1));

  await expectPeople(page, HOSTILE.slice(1));
  for (const name of HOSTILE.slice(1)) await expect(tile(page, name).getByText(name, { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("button", { name: "Diagnostics" }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  expect(await page.evaluate(() => "pwned" in window)).toBe(false);
  expect(await page.locator("iframe, script:not([src]), svg[onload], img").count()).toBe(0);
});

test("hostile rooms are no rooms", async ({ open, server }) => {
  const page = await open("/");
  for (const text of [...HOSTILE, "../../etc/passwd", "a\\b"]) {
    await page.getByLabel("Name a room").fill(text);
    await page.getByRole("button", { name: "Open room" }).click();
    await expect(page.getByText("A room name is made of letters")).toBeVisible();
  }
  expect(page.url()).toBe(`${server.origin}/`);
  expect(await page.evaluate(() => "pwned" in window)).toBe(false);
});
