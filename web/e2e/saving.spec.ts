/** What is not wanted is not sent: sound alone, and small pictures, between two whose media go straight and through the server. */

import type { Page } from "@playwright/test";
import type { BrowserKind } from "./support/browsers";
import { enter, expectInCall, expectPeople, join, received, tile } from "./support/call";
import { sendRobots } from "./support/robots";
import { expect, test } from "./support/test";

const PAIRS: readonly (readonly [BrowserKind, BrowserKind])[] = [
  ["chromium", "chromium"],
  ["chromium", "firefox"],
];

for (const [first, second] of PAIRS) {
  test(`${first} and ${second} send each other no pictures while these want sound only`, async ({ open, room }) => {
    test.setTimeout(120_000);
    const ada = await open(`/${room}`, { kind: first });
    await join(ada, "Ada");
    const grace = await open(`/${room}`, { kind: second });
    await join(grace, "Grace");
    await expectInCall(ada, 1);
    await expectInCall(grace, 1);

    for (const [taker, sender, name] of [
      [ada, grace, "Grace"],
      [grace, ada, "Ada"],
    ] as const) {
      await change(taker, "Audio only");
      await expectSoundAlone(sender);
      await expectHeard(taker);
      await expect(tile(taker, name).locator("video")).toBeHidden();
      await expect(sender.getByRole("button", { name: "Turn camera off" })).toBeVisible();

      await change(taker, "Audio only");
      await expectInCall(taker, 1);
      await taker.getByRole("button", { name: "Turn camera on" }).click();
      await expectInCall(sender, 1);
    }
  });

  test(`${first} and ${second} send each other small pictures while these save data`, async ({ open, room }) => {
    test.setTimeout(180_000);
    const ada = await open(`/${room}`, { kind: first, before: bringColours });
    await join(ada, "Ada");
    const grace = await open(`/${room}`, { kind: second, before: bringColours });
    await join(grace, "Grace");

    for (const [taker, sender] of [
      [ada, grace],
      [grace, ada],
    ] as const) {
      await expectPicture(sender, (bitrate) => bitrate > LARGE);
      await change(taker, "Save data");
      await expectPicture(sender, (bitrate) => bitrate < SMALL);
      await change(taker, "Save data");
      await expectPicture(sender, (bitrate) => bitrate > LARGE);
    }
  });
}

test("who joins for sound only gets no pictures, straight or through the server, and gets them when they are wanted", async ({
  open,
  room,
  serve,
}) => {
  test.setTimeout(120_000);
  const { origin } = await serve(["--mesh-again", "1s"]);
  const soundOnly = (it: Page): Promise<unknown> =>
    it.addInitScript(() => (localStorage["allo.settings"] ??= JSON.stringify({ audioOnly: true })));
  const ada = await open(`/${room}`, { origin, before: soundOnly });
  await enter(ada, "Ada");
  const grace = await open(`/${room}`, { origin });
  await join(grace, "Grace");
  await expectPath(ada, "Direct");
  await expectHeard(ada);
  await expectSoundAlone(grace);

  const alan = await open(`/${room}`, { origin });
  await join(alan, "Alan");
  await expectPath(ada, "Through the server");
  await expectInCall(alan, 1);
  await expectHeard(ada);
  await alan.getByRole("button", { name: "Leave", exact: true }).click();
  await expectPath(ada, "Direct");
  await expectHeard(ada);
  expect(await picturesReceived(ada), "bytes of pictures that nobody wanted").toBe(0);

  await change(ada, "Audio only");
  await expectInCall(ada, 1);
});

test("a robot sends no pictures to who wants sound only", async ({ open, room, server }) => {
  const ada = await open(`/${room}`);
  await join(ada, "Ada");
  const robots = await sendRobots(`${server.origin}/${room}`, 1);
  await expectPeople(ada, ["Robot"]);
  await expectInCall(ada, 1);

  await change(ada, "Audio only");
  await expect(async () => {
    const before = await picturesReceived(ada);
    await expectHeard(ada);
    expect(await picturesReceived(ada)).toBe(before);
  }).toPass();
  await change(ada, "Audio only");
  await expectInCall(ada, 1);
  await robots.leave();
});

/** Turns one of the settings over, as a person would. */
async function change(page: Page, setting: string): Promise<void> {
  await page.getByRole("button", { name: "More", exact: true }).click();
  await page.getByRole("button", { name: "Settings" }).click();
  const dialog = page.getByRole("dialog", { name: "Settings" });
  await dialog.getByLabel(setting, { exact: true }).click();
  await dialog.getByRole("button", { name: "Close" }).click();
}

function expectPath(page: Page, path: string): Promise<void> {
  return expect(page.locator("main > header").getByText(path, { exact: true })).toBeVisible({ timeout: 20_000 });
}

async function expectHeard(page: Page): Promise<void> {
  await expect(async () => {
    for (const { energy } of await received(page, 1_000)) expect(energy).toBeGreaterThan(1e-6);
  }).toPass({ timeout: 20_000 });
}

type Sent = { readonly audio: number; readonly video: number; readonly ms: number };

/** The bytes that a page sends by all its connections in a while, and how long the while was. */
const sentIn = (page: Page, ms: number): Promise<Sent> =>
  page.evaluate(async (duration) => {
    const { connections = [] } = window as Window & { connections?: RTCPeerConnection[] };
    const count = async (): Promise<Sent> => {
      const bytes = { audio: 0, video: 0, ms: performance.now() };
      for (const connection of connections) {
        (await connection.getStats()).forEach(({ type, kind, bytesSent }: Record<string, unknown>) => {
          if (type === "outbound-rtp") bytes[kind as "audio" | "video"] += Number(bytesSent ?? 0);
        });
      }
      return bytes;
    };
    const before = await count();
    await new Promise((resolve) => setTimeout(resolve, duration));
    const after = await count();
    return { audio: after.audio - before.audio, video: after.video - before.video, ms: after.ms - before.ms };
  }, ms);

const picturesReceived = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    const { connections = [] } = window as Window & { connections?: RTCPeerConnection[] };
    let bytes = 0;
    for (const connection of connections) {
      (await connection.getStats()).forEach(({ type, kind, bytesReceived }: Record<string, unknown>) => {
        if (type === "inbound-rtp" && kind === "video") bytes += Number(bytesReceived ?? 0);
      });
    }
    return bytes;
  });

async function expectSoundAlone(sender: Page): Promise<void> {
  await expect(async () => {
    const { audio, video } = await sentIn(sender, 2_000);
    expect(audio).toBeGreaterThan(1_000);
    expect(video).toBe(0);
  }).toPass({ timeout: 20_000 });
}

/** In bit/s: more than a small picture takes with headers and repetitions, and less than this one takes when nobody limits it. */
const SMALL = 200_000;
const LARGE = 400_000;

async function expectPicture(sender: Page, isRight: (bitrate: number) => boolean): Promise<void> {
  const seen: number[] = [];
  await expect(async () => {
    const { video, ms } = await sentIn(sender, 2_000);
    const bitrate = Math.round((video * 8_000) / ms);
    seen.push(bitrate);
    expect(isRight(bitrate), `bit/s: ${seen.join(", ")}`).toBe(true);
  }).toPass({ timeout: 40_000 });
}

/** In place of the camera, a picture that changes everywhere, so that an encoder takes all that it may. */
async function bringColours(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const devices: MediaDevices | undefined = navigator.mediaDevices;
    if (devices === undefined) return;
    const getUserMedia = devices.getUserMedia.bind(devices);
    const paint = (): MediaStreamTrack => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
      const into = canvas.getContext("2d");
      setInterval(() => {
        for (let spot = 0; spot < 100; spot += 1) {
          if (into) into.fillStyle = `hsl(${Math.random() * 360} 80% 50%)`;
          into?.fillRect(Math.random() * 640, Math.random() * 360, 40, 40);
        }
      }, 50);
      return canvas.captureStream(20).getVideoTracks()[0]!;
    };
    devices.getUserMedia = async (constraints) => {
      const stream = await getUserMedia(constraints);
      for (const track of stream.getVideoTracks()) {
        track.stop();
        stream.removeTrack(track);
        stream.addTrack(paint());
      }
      return stream;
    };
  });
}
