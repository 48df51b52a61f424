/** Noise taken out, and other backgrounds: chosen before and during a call, seen and heard by the others, and where they fail. */

import type { Page } from "@playwright/test";
import { enter, expectInCall, join, tile } from "./support/call";
import { expect, test } from "./support/test";

/** One red pixel, as a file that somebody picked. */
const RED = {
  name: "red.png",
  mimeType: "image/png",
  buffer: Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==",
    "base64",
  ),
};

/** What the page has agreed upon with others and the server: it stays as it is when a track is replaced. */
async function agreements(page: Page): Promise<readonly string[]> {
  const look = () =>
    page.evaluate(() => {
      const { connections = [] } = window as Window & { connections?: RTCPeerConnection[] };
      return connections.map(({ localDescription, connectionState }) => ({
        sdp: localDescription?.sdp ?? "",
        isDone: connectionState === "connected",
      }));
    });
  await expect(async () => expect((await look()).every(({ isDone }) => isDone)).toBe(true)).toPass();
  return (await look()).map(({ sdp }) => sdp);
}

/** How much red and green there is in the middle of somebody's picture. */
const middle = (page: Page, name: string): Promise<readonly number[]> =>
  tile(page, name)
    .locator("video")
    .evaluate((video: HTMLVideoElement) => {
      const paint = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
      paint?.drawImage(video, video.videoWidth / 2, video.videoHeight / 2, 1, 1, 0, 0, 1, 1);
      return [...(paint?.getImageData(0, 0, 1, 1).data ?? [])];
    });

// Nobody sits before the pretended camera, so that all of its picture is background.
test("another background is seen by the others, is changed in mid-call without negotiation, and is remembered", async ({
  open,
  room,
}) => {
  test.slow();
  // A small picture, because there is no graphics card to do the work.
  const saving = (it: Page): Promise<unknown> =>
    it.addInitScript(() => (localStorage["allo.settings"] ??= JSON.stringify({ dataSaver: true })));
  const ada = await open(`/${room}`, { before: saving });
  await ada.getByLabel("Background").selectOption("Blurred");
  await join(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  await expect(async () => expect((await middle(grace, "Ada"))[1]).toBeGreaterThan(120)).toPass();
  const before = await agreements(ada);

  await ada.getByRole("button", { name: "More" }).click();
  await ada.getByRole("button", { name: "Camera and sound" }).click();
  const dialog = ada.getByRole("dialog", { name: "Camera and sound" });
  await dialog.getByLabel("Background").selectOption("A picture");
  await dialog.getByLabel("Choose a picture").setInputFiles(RED);
  await expect(async () => {
    const [red = 0, green = 0] = await middle(grace, "Ada");
    expect(red).toBeGreaterThan(150);
    expect(green).toBeLessThan(90);
  }).toPass();
  await expect(dialog.getByLabel("Your picture now")).toBeVisible();

  await dialog.getByLabel("Background").selectOption("As it is");
  await expect(async () => expect((await middle(grace, "Ada"))[1]).toBeGreaterThan(120)).toPass();
  expect(await agreements(ada)).toEqual(before);

  await dialog.getByLabel("Background").selectOption("A picture");
  await ada.reload();
  await expect(ada.getByLabel("Background")).toHaveValue("picture");
});

test("noise is taken out of a microphone in mid-call, and the voice goes on without negotiation", async ({
  open,
  room,
}) => {
  const ada = await open(`/${room}`);
  await join(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  await expectInCall(grace, 1);
  const before = await agreements(ada);

  await ada.getByRole("button", { name: "More" }).click();
  await ada.getByRole("button", { name: "Camera and sound" }).click();
  await ada.getByLabel("Take noise out of my sound").check();
  await expectInCall(grace, 1);
  expect(await agreements(ada)).toEqual(before);
});

test("a browser that cannot change the background leaves the camera off, says so, and goes without the next time", async ({
  open,
  room,
}) => {
  // Headless, this one draws no WebGL, which is what old machines lack, too.
  const page = await open(`/${room}`, { kind: "firefox" });
  await page.getByLabel("Background").selectOption("Blurred");
  await page.getByRole("button", { name: "Turn camera on" }).click();
  await expect(page.getByText("This browser cannot change the background, so the camera is off.")).toBeVisible();
  await expect(page.getByLabel("Background")).toHaveValue("none");
  await page.getByRole("button", { name: "Turn camera on" }).click();
  await expect(page.getByRole("button", { name: "Turn camera off" })).toBeVisible();
  await enter(page, "Ada");
});
