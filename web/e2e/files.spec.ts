/** Files from one to another, through the server. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { enter, expectPeople } from "./support/call";
import { sendRobots } from "./support/robots";
import { expect, test } from "./support/test";

const chat = (page: Page) => page.getByRole("complementary", { name: "Chat" });
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

/** Bytes that are not the same everywhere. */
function content(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) bytes[at] = (at * 31 + (at >> 8) * 17 + (at >> 16)) & 0xff;
  return bytes;
}

test("a file arrives byte for byte at who takes it, under a name that is text", async ({ open, room }) => {
  const ada = await open(`/${room}`);
  await enter(ada, "Ada");
  const grace = await open(`/${room}`);
  await enter(grace, "Grace");
  await expectPeople(ada, ["Grace"]);
  await button(ada, "Chat").click();
  const small = content(3_000_000);
  const name = "<img src=x onerror=window.pwned=1> plan.bin";
  await chat(ada).getByLabel("Send files").setInputFiles({ name, mimeType: "text/html", buffer: small });
  await expect(chat(ada).getByText("Can be downloaded for as long as you are here.")).toBeVisible();
  await button(grace, "Chat: 1 unread message").click();
  await expect(chat(grace).getByText(name)).toBeVisible();
  await expect(chat(grace).getByText("3 MB")).toBeVisible();

  const saving = grace.waitForEvent("download");
  await button(grace, `Download ${name}`).click();
  const saved = await saving;
  expect(small.equals(await readFile(await saved.path()))).toBe(true);
  expect(saved.suggestedFilename()).toContain("plan.bin");
  await expect(chat(grace).getByText("Saved with your downloads.")).toBeVisible();
  await expect(chat(ada).getByText("Downloaded once.")).toBeVisible();

  expect(await grace.evaluate(() => "pwned" in window)).toBe(false);
});

test("the page and a headless participant send each other a file", async ({ open, room, server }) => {
  const [plan, saved] = [test.info().outputPath("plan.bin"), test.info().outputPath("saved")];
  const bytes = content(300_000);
  await writeFile(plan, bytes);
  await mkdir(saved);
  const ada = await open(`/${room}`);
  await enter(ada, "Ada");
  const options = ["--send-file", plan, "--save-files", saved];
  const robots = await sendRobots(`${server.origin}/${room}`, 1, options);
  await expectPeople(ada, ["Robot"]);

  await button(ada, "Chat: 1 unread message").click();
  const saving = ada.waitForEvent("download");
  await button(ada, "Download plan.bin").click();
  expect(bytes.equals(await readFile(await (await saving).path()))).toBe(true);

  const answer = { name: "answer.bin", mimeType: "application/octet-stream", buffer: bytes };
  await chat(ada).getByLabel("Send files").setInputFiles(answer);
  await expect(chat(ada).getByText("Downloaded once.")).toBeVisible();
  expect(bytes.equals(await readFile(`${saved}/answer.bin`))).toBe(true);
  await robots.leave();
});

test("a file that comes is cancelled at either end", async ({ open, room }) => {
  const ada = await open(`/${room}`);
  await enter(ada, "Ada");
  const grace = await open(`/${room}`);
  await enter(grace, "Grace");
  await expectPeople(ada, ["Grace"]);
  await button(ada, "Chat").click();
  const large = test.info().outputPath("film.bin");
  await writeFile(large, content(40_000_000));
  await chat(ada).getByLabel("Send files").setInputFiles(large);
  await button(grace, "Chat: 1 unread message").click();

  const bars = [ada, grace].map((page) => chat(page).getByRole("progressbar", { name: "film.bin" }));
  const moves = async (): Promise<void> => {
    await button(grace, "Download film.bin").click();
    for (const bar of bars)
      await expect.poll(() => bar.evaluate((it: HTMLProgressElement) => it.position)).toBeGreaterThan(0);
  };
  await moves();
  await button(grace, "Cancel the download of film.bin").click();
  for (const bar of bars) await expect(bar).toBeHidden();
  await expect(chat(ada).getByText("Can be downloaded for as long as you are here.")).toBeVisible();

  await moves();
  await button(ada, "Take film.bin back").click();
  for (const bar of bars) await expect(bar).toBeHidden();
  await expect(button(grace, "Download film.bin")).toBeHidden();
});
