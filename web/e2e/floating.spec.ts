/** The small window that floats over others: whom it shows, and what its buttons do to the call. */

import { enter, expectPeople, join } from "./support/call";
import { expect, test } from "./support/test";

test("a small window shows the other and has the buttons of the call", async ({ open, room }) => {
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  const page = await open(`/${room}`);
  await enter(page, "Ada");
  await expectPeople(page, ["Grace"]);

  await page.getByRole("button", { name: "More" }).click();
  const opened = page.context().waitForEvent("page");
  await page.getByRole("button", { name: "Small window on top" }).click();
  const small = await opened;
  await expect(small.getByText("Grace")).toBeVisible();
  const width = () => small.locator("video").evaluate((video: HTMLVideoElement) => video.videoWidth);
  await expect.poll(width).toBeGreaterThan(0);
  await small.getByRole("button", { name: "Unmute microphone" }).click();
  await expect(page.getByRole("button", { name: "Mute microphone" })).toBeVisible();

  const closed = small.waitForEvent("close");
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("button", { name: "Close the small window" }).click();
  await closed;
  await page.getByRole("button", { name: "More" }).click();
  await expect(page.getByRole("button", { name: "Small window on top" })).toBeVisible();
});
