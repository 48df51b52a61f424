/** Where the others' sound is played, and browsers that play none before they are touched. */

import type { Page } from "@playwright/test";
import { enter, expectInCall, join } from "./support/call";
import type { BrowserKind } from "./support/browsers";
import { expect, test } from "./support/test";

const KINDS: readonly BrowserKind[] = ["chromium", "firefox"];

for (const kind of KINDS) {
  test(`where ${kind} plays no sound by itself, a touch starts it`, async ({ open, room, launchOwn }) => {
    const own = await launchOwn(kind, { sound: "waits" });
    const grace = await open(`/${room}`, { own, before: reportTouch });
    await enter(grace, "Grace");
    // The click on Join counts as a touch for some seconds, and so does every look of the test at the page.
    await said(grace, "untouched");
    const asks = said(grace, "asks for a touch");

    const ada = await open(`/${room}`);
    await join(ada, "Ada");
    await asks;
    const waiting = grace.locator("video:not([aria-hidden=true])");
    await expect(waiting).toHaveJSProperty("muted", true);
    await expect.poll(() => waiting.evaluate((it: HTMLVideoElement) => it.currentTime)).toBeGreaterThan(0);

    const hear = grace.getByRole("button", { name: "Tap to hear the others" });
    await hear.click();
    await expect(hear).toHaveCount(0);
    await expectInCall(grace, 1);
  });
}

// Firefox has no fake speakers, so there is none to choose.
test("the others are heard by the speaker that was chosen, whenever they come", async ({ open, room }) => {
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  const ada = await open(`/${room}`);
  await join(ada, "Ada");
  await expectInCall(grace, 1);
  expect(await speakers(grace)).toEqual([""]);

  await grace.getByRole("button", { name: "More" }).click();
  await grace.getByRole("button", { name: "Camera and sound" }).click();
  const picker = grace.getByLabel("Speaker", { exact: true });
  await picker.selectOption({ label: "Fake Audio Output 2" });
  const chosen = await picker.inputValue();
  expect(chosen).not.toBe("");
  await expect.poll(() => speakers(grace)).toEqual([chosen]);
  await grace.getByRole("button", { name: "Close" }).click();
  await expectInCall(grace, 1);

  const alan = await open(`/${room}`);
  await join(alan, "Alan");
  await expectInCall(grace, 2);
  expect(await speakers(grace)).toEqual([chosen, chosen]);
});

test("a speaker that is no longer there is not missed", async ({ open, room }) => {
  const ada = await open(`/${room}`);
  await join(ada, "Ada");
  const grace = await open(`/${room}`, {
    before: (page) =>
      page.addInitScript(() => {
        if (location.protocol === "about:") return;
        localStorage.setItem("allo.settings", JSON.stringify({ chosen: { speaker: "one that was sold" } }));
      }),
  });
  await enter(grace, "Grace");
  await expectInCall(grace, 1);
  expect(await speakers(grace)).toEqual([""]);
});

/** Makes the page say when it was not touched for a while, and when it wants to be. */
async function reportTouch(page: Page): Promise<void> {
  await page.addInitScript(() => {
    let wasActive = false;
    setInterval(() => {
      const { isActive } = navigator.userActivation;
      if (wasActive && !isActive) console.info("untouched");
      wasActive = isActive;
    }, 100);
    new MutationObserver((_, observer) => {
      if (!document.body?.textContent.includes("Tap to hear the others")) return;
      observer.disconnect();
      console.info("asks for a touch");
    }).observe(document, { subtree: true, childList: true, characterData: true });
  });
}

async function said(page: Page, text: string): Promise<void> {
  await page.waitForEvent("console", { predicate: (message) => message.text() === text, timeout: 30_000 });
}

/** The speakers of all others, in their order; the empty one is the browser's choice. */
function speakers(page: Page): Promise<readonly string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll("video")].filter(({ muted }) => !muted).map(({ sinkId }) => sinkId),
  );
}
