/** A recording, from the word to everyone to a file that plays. */

import { readFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { expectInCall, join } from "./support/call";
import { expect, test } from "./support/test";

/** Counts what a recorder writes, and leaves no list of places, which nobody is there to choose from. */
const prepare = (page: Page): Promise<unknown> =>
  page.addInitScript(() => {
    const counted = { pieces: 0 };
    Object.assign(window, { counted, showSaveFilePicker: undefined });
    window.MediaRecorder = class extends MediaRecorder {
      constructor(...all: ConstructorParameters<typeof MediaRecorder>) {
        super(...all);
        this.addEventListener("dataavailable", () => (counted.pieces += 1));
      }
    };
  });

type Played = {
  readonly seconds: number;
  readonly width: number;
  readonly brightest: number;
  readonly loudest: number;
};

/** Plays a file to its end, looks at a picture of it, and listens. */
const play = (page: Page, file: Buffer): Promise<Played> =>
  page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const video = Object.assign(document.createElement("video"), { muted: true });
    const event = (name: string) => new Promise((resolve) => video.addEventListener(name, resolve, { once: true }));
    const loaded = event("loadeddata");
    video.src = URL.createObjectURL(new Blob([bytes], { type: "video/webm" }));
    await loaded;
    // A file that was written as it went does not say how long it is: the end is where one cannot go further.
    const sought = event("seeked");
    video.currentTime = 1e6;
    await sought;
    const seconds = video.duration;
    const back = event("seeked");
    video.currentTime = seconds / 2;
    await back;
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 36 });
    const paint = canvas.getContext("2d");
    paint?.drawImage(video, 0, 0, 64, 36);
    const pixels = paint?.getImageData(0, 0, 64, 36).data ?? [];
    const sound = await new OfflineAudioContext(1, 1, 48_000).decodeAudioData(bytes.buffer);
    const loudest = sound.getChannelData(0).reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    return { seconds, width: video.videoWidth, brightest: Math.max(...pixels.filter((_, n) => n % 4 !== 3)), loudest };
  }, file.toString("base64"));

test("a recording is announced to everyone before it begins, and is a file with pictures and sound", async ({
  open,
  room,
}) => {
  test.slow();
  const ada = await open(`/${room}`, { before: prepare });
  await join(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  await expectInCall(grace, 1);
  await grace.getByRole("button", { name: "More" }).click();
  await expect(grace.getByRole("button", { name: "Record the call" })).toHaveCount(0);

  await ada.getByRole("button", { name: "More" }).click();
  await ada.getByRole("button", { name: "Record the call" }).click();
  await expect(grace.getByText("Ada is recording this call.")).toBeVisible();
  await expect(ada.getByText("You will be recording in a few seconds.")).toBeVisible();
  const pieces = () => ada.evaluate(() => (window as unknown as { counted: { pieces: number } }).counted.pieces);
  expect(await pieces()).toBe(0);
  await expect(ada.getByText("You are recording this call.")).toBeVisible();
  await expect.poll(pieces).toBeGreaterThan(3);

  const downloaded = ada.waitForEvent("download");
  await ada.getByRole("button", { name: "Stop recording" }).click();
  const download = await downloaded;
  expect(download.suggestedFilename()).toMatch(new RegExp(`^${room} .*\\.webm$`));
  await expect(grace.getByText("Ada is recording this call.")).toHaveCount(0);
  await expect(ada.getByText("The recording has ended, and its file is complete.")).toBeVisible();

  const file = await readFile(await download.path());
  expect(file.subarray(0, 4).toString("hex"), "the head of an EBML file").toBe("1a45dfa3");
  const head = file.subarray(0, 4096).toString("latin1");
  for (const track of ["V_VP8", "A_OPUS"]) expect(head).toContain(track);
  const { seconds, width, brightest, loudest } = await play(grace, file);
  expect(seconds).toBeGreaterThan(2);
  expect(width).toBe(1280);
  expect(brightest).toBeGreaterThan(100);
  expect(loudest).toBeGreaterThan(0.01);
});
