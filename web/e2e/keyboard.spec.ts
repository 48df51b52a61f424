/** Everything by keyboard: from the start page into a call and out again, without a pointer. */

import type { Locator, Page } from "@playwright/test";
import { expect, test } from "./support/test";

/** Presses Tab until `target` has the focus, as one would who cannot click. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeVisible();
  for (let presses = 0; presses < 40; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error("40 times Tab did not lead there");
}

test("a whole call without a pointer", async ({ open, room }) => {
  const page = await open("/");
  const button = (name: string): Locator => page.getByRole("button", { name, exact: true });

  await tabTo(page, page.getByLabel("Name a room"));
  await page.keyboard.type(room);
  await page.keyboard.press("Enter");

  await tabTo(page, button("Unmute microphone"));
  await page.keyboard.press("Enter");
  await expect(button("Mute microphone")).toBeFocused();
  await tabTo(page, page.getByLabel("Your name"));
  await page.keyboard.type("Ada, my dear");
  await expect(page.getByLabel("Your name")).toHaveValue("Ada, my dear");
  await page.keyboard.press("Enter");
  await expect(button("Leave")).toBeVisible();
  await expect(page.locator("#page")).toBeFocused();

  await expect(button("Mute microphone")).toHaveAttribute("aria-keyshortcuts", "M Control+D");
  await page.keyboard.press("m");
  await expect(button("Unmute microphone")).toBeVisible();
  await page.keyboard.press("Control+d");
  await expect(button("Mute microphone")).toBeVisible();
  await page.keyboard.press("m");
  await expect(button("Unmute microphone")).toBeVisible();
  await page.keyboard.down("Space");
  await expect(button("Mute microphone")).toBeVisible();
  await page.keyboard.up("Space");
  await expect(button("Unmute microphone")).toBeVisible();
  await page.keyboard.press("m");
  await expect(button("Mute microphone")).toBeVisible();

  await page.keyboard.press("h");
  await expect(button("Lower hand")).toBeVisible();
  await page.keyboard.press("c");
  await expect(page.getByLabel("Message")).toBeFocused();
  await page.keyboard.type("Good day, m and c and all");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("log").getByText("Good day, m and c and all")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(button("Chat")).toBeFocused();
  await page.keyboard.press("p");
  await expect(page.getByRole("searchbox")).toBeFocused();
  await page.keyboard.press("Escape");

  await page.keyboard.press("v");
  await expect(button("Turn camera off")).toBeVisible();
  await page.keyboard.press("Control+e");
  await expect(button("Turn camera on")).toBeVisible();

  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await expect(help).toBeVisible();
  await page.keyboard.press("m");
  await page.keyboard.press("Escape");
  await expect(help).toHaveCount(0);
  await expect(button("Mute microphone")).toBeVisible();

  await tabTo(page, button("More"));
  await page.keyboard.press("Enter");
  await tabTo(page, button("Diagnostics"));
  await page.keyboard.press("Enter");
  const diagnostics = page.getByRole("dialog", { name: "Diagnostics" });
  await tabTo(page, diagnostics.getByRole("button", { name: "Close" }));
  await page.keyboard.press("Enter");
  await expect(diagnostics).toHaveCount(0);

  await tabTo(page, button("Leave"));
  await page.keyboard.press("Enter");
  await tabTo(page, button("Rejoin"));
  await page.keyboard.press("Enter");
  await expect(button("Leave")).toBeVisible();
  await expect(button("Mute microphone")).toBeVisible();
});
