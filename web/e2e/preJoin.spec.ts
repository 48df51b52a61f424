/** Before joining: nothing is opened, and nothing is sent, that nobody has asked for. */

import type { Page } from "@playwright/test";
import { enter, expectPeople } from "./support/call";
import { joinCrowd } from "./support/crowd";
import { expect, test } from "./support/test";

/** Counts how often the page asks for a device. */
async function countRequests(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const counter = { requests: 0 };
    Object.assign(window, { counter });
    const devices: MediaDevices | undefined = navigator.mediaDevices;
    if (devices === undefined) return;
    const getUserMedia = devices.getUserMedia.bind(devices);
    devices.getUserMedia = (constraints) => {
      counter.requests += 1;
      return getUserMedia(constraints);
    };
  });
}

function requests(page: Page): Promise<number> {
  return page.evaluate(() => (window as unknown as { counter: { requests: number } }).counter.requests);
}

/**
 * Looks at every frame. The pretended microphone beeps for an instant twice a second: who looks once a second sees the same silence
 * for ever.
 */
function rises(meter: HTMLMeterElement): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (meter.value > 0) resolve();
      else requestAnimationFrame(look);
    };
    look();
  });
}

test("no link opens a camera or a microphone, not even of a room one has been in", async ({ open, room }) => {
  const page = await open(`/${room}?cam=1&mic=true&join=1&autojoin#cam=on`, { before: countRequests });
  await enter(page, "Ada");
  await expectPeople(page, []);
  expect(await requests(page)).toBe(0);

  await page.reload();
  await expect(page.getByText("Your camera and microphone are off.")).toBeVisible();
  await expect(page.getByLabel("Your name")).toHaveValue("Ada");
  expect(await requests(page)).toBe(0);

  await page.getByRole("button", { name: "Turn camera on" }).click();
  await expect(page.getByRole("button", { name: "Turn camera off" })).toBeVisible();
  await expect.poll(() => requests(page)).toBe(1);
});

test("the own picture moves, the own voice is measured, and the devices have names", async ({ open, room, kind }) => {
  const page = await open(`/${room}`);
  await page.getByRole("button", { name: "Turn on camera and microphone" }).click();
  const video = page.locator("video");
  await expect(video).toBeVisible();
  await expect.poll(() => video.evaluate((it: HTMLVideoElement) => it.currentTime)).toBeGreaterThan(0);

  // Firefox measures no sound on a machine without a sound card.
  const meter = page.getByRole("meter", { name: "Microphone level" });
  if (kind === "chromium") {
    await meter.evaluate(rises);
  }

  const cameras = page.getByLabel("Camera", { exact: true }).locator("option");
  await expect(cameras.nth(1)).not.toHaveText("");
  await page.getByLabel("Camera", { exact: true }).selectOption({ index: 1 });
  await expect(video).toBeVisible();
  await page.getByRole("button", { name: "Turn camera off" }).click();
  await expect(video).toBeHidden();
});

test("a room is named, opened, remembered, forgotten", async ({ open, room }) => {
  const page = await open("/");
  await page.getByLabel("Name a room").fill(`  ${room.toUpperCase()} `);
  await page.getByRole("button", { name: "Open room" }).click();
  await expect(page).toHaveURL(new RegExp(`/${room}$`));
  await enter(page, "Ada");

  await page.goBack();
  await expect(page.getByRole("heading", { name: "Talk face to face" })).toBeVisible();
  const link = page.getByRole("link", { name: room });
  await link.click();
  await expect(page.getByRole("button", { name: "Join", exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Allo: back to the start page" }).click();
  await page.getByRole("button", { name: `Forget ${room}` }).click();
  await expect(link).toHaveCount(0);
  await page.reload();
  await expect(page.getByRole("heading", { name: "Talk face to face" })).toBeVisible();
  await expect(link).toHaveCount(0);
});

test("an unguessable room has a name that can be read aloud", async ({ open }) => {
  const page = await open("/");
  await page.getByRole("button", { name: "Make an unguessable room" }).click();
  await expect(page).toHaveURL(/\/([a-z]{5}-){7}[a-z]{5}$/);
  await enter(page, "Ada");
});

test("a full room says so, and lets one try again", async ({ open, room, serve }) => {
  const { origin } = await serve(["--participants-per-room", "8"]);
  const page = await open(`/${room}`, { origin });
  const crowd = await open(`/${room}`, { origin });
  await joinCrowd(
    crowd,
    room,
    Array.from({ length: 8 }, (_, index) => `Person ${index}`),
  );

  await page.getByLabel("Your name").fill("Ada");
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await expect(page.getByText("This room is full.")).toBeVisible();
  await crowd.close();
  await expect(async () => {
    await page.getByRole("button", { name: "Join", exact: true }).click();
    await expect(page.getByRole("button", { name: "Leave", exact: true })).toBeVisible({ timeout: 1_000 });
  }).toPass();
});
