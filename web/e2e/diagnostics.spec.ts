/** The page on which people try their devices and their network, from networks of two kinds. */

import type { Locator, Page } from "@playwright/test";
import { bringAxe, expectAccessible } from "./support/axe";
import { expect, test } from "./support/test";

/** The result comes when a picture has been measured for ten seconds, after what does not get through has been waited for. */
const DONE = { timeout: 60_000 };

const step = (page: Page, name: string): Locator => page.getByRole("listitem").filter({ hasText: name });

test("all is well where everything gets through, and it is said so step by step", async ({ open, serve }) => {
  test.setTimeout(120_000);
  const { origin } = await serve(["--listen", "0.0.0.0"]);
  const ada = await open("/diagnostics", { origin, before: bringAxe });
  await ada.getByRole("button", { name: "Start the check" }).click();
  await expect(step(ada, "Camera").getByText("good")).toBeVisible();
  await expect(step(ada, "Microphone").getByText("Your microphone gives sound.")).toBeVisible();
  await ada.getByRole("button", { name: "Play a tone" }).click();
  await ada.getByRole("button", { name: "I hear it" }).click();
  await expect(ada.getByText("All is well. Calls should work.")).toBeVisible(DONE);
  await expect(ada.getByText("Nothing is to be done.")).toBeVisible();
  for (const way of ["over UDP", "over TCP", "Bandwidth"]) await expect(step(ada, way).getByText("good")).toBeVisible();
  await expectAccessible(ada, "the page of diagnostics");
  await ada.getByRole("button", { name: "Copy report" }).click();
  await expect(ada.getByText("Report copied")).toBeVisible();
});

test("where UDP is blocked and no device is allowed, both are said, on whose side it is, and that calls work", async ({
  launchOwn,
  open,
  serve,
}) => {
  test.setTimeout(120_000);
  const { origin } = await serve(["--listen", "0.0.0.0"]);
  const own = await launchOwn("chromium", { udp: "blocked", devices: "refused" });
  const ada = await open("/diagnostics", { origin, own });
  await ada.getByRole("button", { name: "Start the check" }).click();
  await expect(ada.getByText("Your network blocks UDP.")).toBeVisible(DONE);
  await expect(ada.getByText("This is about your network, not about the server.")).toBeVisible();
  await expect(ada.getByText("This is about your device.")).toBeVisible();
  await expect(step(ada, "Camera").getByText("The browser does not allow it.")).toBeVisible();
  await expect(step(ada, "over UDP").getByText("not ideal")).toBeVisible();
  await expect(step(ada, "over TCP").getByText("good")).toBeVisible();
  await expect(step(ada, "Bandwidth").getByText("came back from the server")).toBeVisible();
});
