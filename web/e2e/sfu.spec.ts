/** Calls through the server's media plane, and the way there and back. */

import type { Page } from "@playwright/test";
import { enter, expectInCall, expectPeople, join, received, tile } from "./support/call";
import { watchFrames } from "./support/frames";
import { layNarrowWay } from "./support/narrow";
import { withoutPath } from "./support/pathless";
import { sendRobots } from "./support/robots";
import { expect, test } from "./support/test";
import { layWire } from "./support/wire";

test("three see and hear each other through the server, and two are direct again", async ({ open, room, serve }) => {
  test.setTimeout(120_000);
  const { origin } = await serve(["--mesh-again", "1s"]);
  const ada = await open(`/${room}`, { origin });
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { origin });
  await join(grace, "Grace");
  await expectInCall(ada, 1);
  await expectPath(ada, "Direct");
  const alan = await open(`/${room}`, { origin });
  await join(alan, "Alan");
  for (const page of [ada, grace, alan]) await expectPath(page, "Through the server");
  await expectPeople(ada, ["Grace", "Alan"]);
  for (const page of [ada, grace, alan]) await expectInCall(page, 2);

  await alan.getByRole("button", { name: "Leave", exact: true }).click();
  for (const page of [ada, grace]) await expectPath(page, "Direct");
  for (const page of [ada, grace]) await expectInCall(page, 1);
});

/** What nobody notices, or takes for a hiccup of the camera. */
const GAP_MS_MAX = 300;

test("no picture stops when a third comes, or when two are left", async ({ open, room, serve }) => {
  test.setTimeout(120_000);
  const { origin } = await serve(["--mesh-again", "1s"]);
  const ada = await open(`/${room}`, { origin });
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { origin });
  await join(grace, "Grace");
  // Opened before the measurement: a page that loads is what keeps this machine busiest.
  const alan = await open(`/${room}`, { origin });
  await alan.getByRole("button", { name: "Turn on camera and microphone" }).click();
  await expectInCall(ada, 1);
  await expectInCall(grace, 1);
  const watched = [await watchFrames(ada, "Grace"), await watchFrames(grace, "Ada")];
  const switches = async (path: string, change: () => Promise<unknown>): Promise<void> => {
    await Promise.all(watched.map(({ changesOfTrack }) => changesOfTrack()));
    await change();
    for (const page of [ada, grace]) await expectPath(page, path);
    for (const { changesOfTrack } of watched) {
      // The time without a frame around the change itself: a machine that is busy delays frames at any time.
      await expect.poll(async () => (await changesOfTrack({ keep: true })).length).toBeGreaterThan(0);
      for (const gap of await changesOfTrack()) expect(gap).toBeLessThan(GAP_MS_MAX);
    }
  };

  await switches("Through the server", () => enter(alan, "Alan"));
  for (const page of [ada, grace]) await expectInCall(page, 2);
  await switches("Direct", () => alan.getByRole("button", { name: "Leave", exact: true }).click());
  for (const page of [ada, grace]) await expectInCall(page, 1);
});

test("chromium and firefox meet in a room that goes through the server by choice", async ({ open, room }) => {
  const ada = await open(`/${room}?topology=sfu`);
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { kind: "firefox" });
  await join(grace, "Grace");
  for (const page of [ada, grace]) await expectPath(page, "Through the server");
  for (const page of [ada, grace]) await expectInCall(page, 1);
});

test("sound is sent twice by those who can, and heard by those who cannot", async ({ open, room }) => {
  test.setTimeout(120_000);
  const ada = await open(`/${room}?topology=sfu`, { before: tapSound });
  const grace = await open(`/${room}`, { before: tapSound });
  const alan = await open(`/${room}`, { kind: "firefox" });
  await joinUnseen(ada, "Ada");
  await joinUnseen(grace, "Grace");
  await joinUnseen(alan, "Alan");
  for (const page of [ada, grace, alan]) await expectPath(page, "Through the server");
  for (const page of [ada, grace, alan]) await expectHearing(page, 2);
  // From Chromium comes what it sends, and from Firefox Opus alone.
  const carried = ["received audio/opus", "received audio/red", "sent audio/red"];
  for (const page of [ada, grace]) await expect.poll(() => soundCarried(page), { timeout: 20_000 }).toEqual(carried);
});

test("sound is sent twice over a direct link, too", async ({ open, room }) => {
  const ada = await open(`/${room}?topology=mesh`, { before: tapSound });
  const grace = await open(`/${room}`, { before: tapSound });
  await joinUnseen(ada, "Ada");
  await joinUnseen(grace, "Grace");
  for (const page of [ada, grace]) await expectHearing(page, 1);
  const carried = ["received audio/red", "sent audio/red"];
  for (const page of [ada, grace]) await expect.poll(() => soundCarried(page), { timeout: 20_000 }).toEqual(carried);
});

test("a room whose choice is direct never goes through the server", async ({ open, room }) => {
  const ada = await open(`/${room}?topology=mesh`);
  await join(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  const alan = await open(`/${room}`);
  await join(alan, "Alan");
  await expectInCall(ada, 2);
  await expectPath(ada, "Direct");
});

test("two between whom there is no path see and hear each other through the server", async ({ open, room }) => {
  const ada = await open(`/${room}`, { before: withoutPath });
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { before: withoutPath });
  await join(grace, "Grace");
  for (const page of [ada, grace]) await expectPath(page, "Through the server");
  for (const page of [ada, grace]) await expectInCall(page, 1);
});

test("a larger tile gets a larger picture, and a small one a small one", async ({ open, room }) => {
  test.setTimeout(90_000);
  const ada = await open(`/${room}?topology=sfu`, { viewport: { width: 320, height: 300 } });
  await enter(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  const video = tile(ada, "Grace").locator("video");
  const height = (): Promise<number> => video.evaluate((it: HTMLVideoElement) => it.videoHeight);

  await expect.poll(height, { timeout: 20_000 }).toBeGreaterThan(0);
  const small = await height();
  await ada.setViewportSize({ width: 1400, height: 1000 });
  await expect.poll(height, { timeout: 30_000 }).toBeGreaterThan(2 * small);
  await expect.poll(() => layersSent(grace), { timeout: 20_000 }).toEqual([true, true, true]);
  await ada.setViewportSize({ width: 320, height: 300 });
  await expect.poll(height, { timeout: 20_000 }).toBe(small);
  // What nobody receives is not encoded.
  await expect.poll(() => layersSent(grace), { timeout: 20_000 }).toEqual([true, false, false]);
});

// A Firefox without its plugin, as here, has no H.264.
test("who sends H.264 in layers is seen by those who can decode it", async ({ open, room }) => {
  const ada = await open(`/${room}?topology=sfu`, { before: sendNoVp8 });
  const grace = await open(`/${room}`);
  await join(ada, "Ada");
  await join(grace, "Grace");
  for (const page of [ada, grace]) await expectInCall(page, 1);
  await expect.poll(() => picturesSent(ada), { timeout: 20_000 }).toEqual(["video/H264"]);
  await expect.poll(() => picturesSent(grace), { timeout: 20_000 }).toEqual(["video/VP8"]);
});

for (const [codec, name] of [
  ["vp9", "VP9"],
  ["av1", "AV1"],
] as const) {
  test(`layers in one stream of ${name} go as far as each tile can use them`, async ({ open, room }) => {
    test.setTimeout(120_000);
    const ada = await open(`/${room}?topology=sfu`, { viewport: { width: 1400, height: 1000 } });
    await enter(ada, "Ada");
    const grace = await open(`/${room}`, { before: prefer(codec) });
    await join(grace, "Grace");
    const height = (page: Page): Promise<number> =>
      tile(page, "Grace")
        .locator("video")
        .evaluate((it: HTMLVideoElement) => it.videoHeight);
    await expect.poll(() => height(ada), { timeout: 60_000 }).toBe(720);
    expect(await picturesSent(grace)).toEqual([`video/${name}`]);
    expect(await modeSent(grace)).toBe("L3T3_KEY");

    // Firefox decodes it, and needs the lowest layer alone. The tiles of three are smaller, too.
    const alan = await open(`/${room}`, { kind: "firefox", viewport: { width: 320, height: 300 } });
    await enter(alan, "Alan");
    await expect.poll(() => height(alan), { timeout: 30_000 }).toBe(180);
    await expect.poll(() => height(ada), { timeout: 30_000 }).toBe(360);
    await ada.setViewportSize({ width: 320, height: 300 });
    await expect.poll(() => height(ada), { timeout: 20_000 }).toBe(180);
    // What nobody receives is not encoded, and comes back when somebody wants it.
    await expect.poll(() => modeSent(grace), { timeout: 20_000 }).toBe("L1T3");
    await ada.setViewportSize({ width: 1400, height: 1000 });
    await expect.poll(() => height(ada), { timeout: 60_000 }).toBe(360);
    await expect.poll(() => height(alan), { timeout: 30_000 }).toBe(180);
  });
}

test("who prefers VP9 sends VP8 where somebody cannot decode that", async ({ open, room }) => {
  const ada = await open(`/${room}?topology=sfu`, { before: withoutVp9 });
  await enter(ada, "Ada");
  const grace = await open(`/${room}`, { before: prefer("vp9") });
  await join(grace, "Grace");
  await expectPeople(ada, ["Grace"]);
  const video = tile(ada, "Grace").locator("video");
  const height = (): Promise<number> => video.evaluate((it: HTMLVideoElement) => it.videoHeight);
  await expect.poll(height, { timeout: 30_000 }).toBeGreaterThan(0);
  expect(await picturesSent(grace)).toEqual(["video/VP8"]);
});

/** Chooses a codec before the page is there. */
const prefer =
  (codec: string) =>
  (page: Page): Promise<unknown> =>
    page.addInitScript((it) => localStorage.setItem("allo.settings", JSON.stringify({ codec: it })), codec);

/** Takes VP9 away from what a page can decode. */
const withoutVp9 = (page: Page): Promise<unknown> =>
  page.addInitScript(() => {
    const { setCodecPreferences } = RTCRtpTransceiver.prototype;
    RTCRtpTransceiver.prototype.setCodecPreferences = function (codecs) {
      setCodecPreferences.call(
        this,
        [...codecs].filter(({ mimeType }) => mimeType !== "video/VP9"),
      );
    };
  });

/** How many layers the stream of the camera has. */
function modeSent(page: Page): Promise<string | undefined> {
  return page.evaluate(() => {
    const { connections = [] } = window as Window & { connections?: RTCPeerConnection[] };
    const encodings = connections.flatMap((connection) =>
      connection.getSenders().map((it) => it.getParameters().encodings),
    );
    const camera = encodings.find(({ length }) => length === 3) ?? [];
    return (camera[0] as { scalabilityMode?: string } | undefined)?.scalabilityMode;
  });
}

/** Takes VP8 away from what a page has to send. */
function sendNoVp8(page: Page): Promise<unknown> {
  return page.addInitScript(() => {
    const { setCodecPreferences } = RTCRtpTransceiver.prototype;
    RTCRtpTransceiver.prototype.setCodecPreferences = function (codecs) {
      const isLeft = ({ mimeType }: RTCRtpCodec): boolean => this.direction === "recvonly" || mimeType !== "video/VP8";
      setCodecPreferences.call(this, [...codecs].filter(isLeft));
    };
  });
}

/** In which codecs pictures go out. */
async function picturesSent(page: Page): Promise<readonly string[]> {
  return page.evaluate(async () => {
    const { connections = [] } = window as Window & { connections?: RTCPeerConnection[] };
    const types = new Set<string>();
    for (const connection of connections) {
      const entries = [...(await connection.getStats()).values()] as Record<string, unknown>[];
      const sent = entries.filter((it) => it.type === "outbound-rtp" && it.kind === "video" && it.codecId);
      sent.forEach(({ codecId }) => types.add(String(entries.find(({ id }) => id === codecId)?.mimeType)));
    }
    return [...types];
  });
}

/** Which layers of the camera go to the server, the lowest first. */
function layersSent(page: Page): Promise<readonly boolean[] | undefined> {
  return page.evaluate(() => {
    const { connections = [] } = window as Window & { connections?: RTCPeerConnection[] };
    const encodings = connections.flatMap((connection) =>
      connection.getSenders().map((it) => it.getParameters().encodings),
    );
    return encodings.find(({ length }) => length === 3)?.map(({ active = true }) => active);
  });
}

test("a narrow way brings a smaller picture with its sound, a wide one the large picture again", async ({
  open,
  room,
  server,
}) => {
  test.setTimeout(180_000);
  const way = await layNarrowWay(server.port);
  const ada = await open(`/${room}?topology=sfu`, { viewport: { width: 1400, height: 1000 }, before: way.lead });
  await enter(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  const video = tile(ada, "Grace").locator("video");
  const height = (): Promise<number> => video.evaluate((it: HTMLVideoElement) => it.videoHeight);

  await expect.poll(height, { timeout: 60_000 }).toBe(720);
  // Enough for the lowest layer, and too little for the next.
  way.setRate(350_000);
  await expect.poll(height, { timeout: 30_000 }).toBe(180);
  await expectInCall(ada, 1);
  // Too little for any picture: the page says why there is none, and the sound goes on.
  way.setRate(110_000);
  await expect(ada.getByText("Your connection is slow: 1 video paused")).toBeVisible({ timeout: 30_000 });
  await expect.poll(async () => (await received(ada, 1500))[0]?.energy).toBeGreaterThan(1e-6);
  way.setRate(null);
  await expect(ada.getByText("Your connection is slow")).toHaveCount(0, { timeout: 60_000 });
  await expect.poll(height, { timeout: 60_000 }).toBe(720);
  await way.close();
});

test("a screen is shown large beside the camera, and both move", async ({ open, room }) => {
  test.setTimeout(90_000);
  const ada = await open(`/${room}`, { viewport: { width: 1280, height: 800 } });
  await join(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  await expectInCall(ada, 1);

  await grace.getByRole("button", { name: "Share screen" }).click();
  await expect(grace.getByText("You are sharing your screen")).toBeVisible();
  const screen = tile(ada, "Grace's screen");
  // The server has to find out first whether the way to Ada bears a screen.
  await expect(screen.locator("video")).toBeVisible({ timeout: 25_000 });
  const frames = (): Promise<number> =>
    screen.locator("video").evaluate((it: HTMLVideoElement) => it.getVideoPlaybackQuality().totalVideoFrames);
  await expect.poll(frames).toBeGreaterThan(3);
  const [large, face] = [(await screen.boundingBox())!, (await ada.getByRole("listitem").last().boundingBox())!];
  expect(large.width).toBeGreaterThan(3 * face.width);

  const smooth = grace.getByRole("button", { name: "Smooth, for films" });
  await smooth.press("Enter");
  await expect(smooth).toHaveAttribute("aria-pressed", "true");
  await expect.poll(() => screenHints(grace)).toEqual(["motion"]);
  const before = await frames();
  await expect.poll(frames, { timeout: 30_000 }).toBeGreaterThan(before + 3);

  await grace.getByRole("button", { name: "Stop sharing" }).click();
  await expect(screen).toHaveCount(0);
  await expectInCall(ada, 1);
});

/** What the encoders of shared screens are told of them. */
function screenHints(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    const { connections = [] } = window as Window & { connections?: RTCPeerConnection[] };
    const sent = connections.flatMap((connection) => connection.getSenders().map(({ track }) => track));
    return sent.flatMap((track) => (track?.kind === "video" && track.contentHint !== "" ? [track.contentHint] : []));
  });
}

test("a shared screen comes over a narrow way too, and in full size when it is wide", async ({
  open,
  room,
  server,
}) => {
  test.setTimeout(120_000);
  const way = await layNarrowWay(server.port);
  const ada = await open(`/${room}?topology=sfu`, { viewport: { width: 1400, height: 1000 }, before: way.lead });
  await enter(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  await expectInCall(ada, 1);
  way.setRate(500_000);
  await grace.getByRole("button", { name: "Share screen" }).click();
  const video = tile(ada, "Grace's screen").locator("video");
  await expect(video).toBeVisible({ timeout: 25_000 });
  // How much it is reduced depends on how much of it moves.
  const height = (): Promise<number> => video.evaluate((it: HTMLVideoElement) => it.videoHeight);
  expect(await height()).toBeGreaterThanOrEqual(360);
  way.setRate(null);
  await expect.poll(height, { timeout: 60_000 }).toBe(720);
  await way.close();
});

test("a screen goes over the link in a room that is direct by choice", async ({ open, room }) => {
  test.setTimeout(90_000);
  const ada = await open(`/${room}?topology=mesh`);
  await join(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  await expectInCall(ada, 1);
  await grace.getByRole("button", { name: "Share screen" }).click();
  const screen = tile(ada, "Grace's screen").locator("video");
  const frames = (): Promise<number> =>
    screen.evaluate((it: HTMLVideoElement) => it.getVideoPlaybackQuality().totalVideoFrames);
  await expect.poll(frames).toBeGreaterThan(3);
  await expect(tile(ada, "Grace").locator("video").last()).toBeVisible();
  await grace.getByRole("button", { name: "Stop sharing" }).click();
  await expect(screen).toHaveCount(0);
  await expectInCall(ada, 1);
});

test("who is pinned is large, and who speaks if that is wished for", async ({ open, room }) => {
  const ada = await open(`/${room}?topology=sfu`, { viewport: { width: 1280, height: 800 } });
  await enter(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  const alan = await open(`/${room}`);
  await enter(alan, "Alan");
  await expectPeople(ada, ["Grace", "Alan"]);
  const width = async (name: string): Promise<number> => (await tile(ada, name).boundingBox())!.width;
  const isLarge = async (name: string): Promise<boolean> => (await width(name)) > 900;

  const pin = ada.getByRole("button", { name: "Keep Alan large" });
  await pin.press("Enter");
  await expect(pin).toHaveAttribute("aria-pressed", "true");
  await expect.poll(() => isLarge("Alan")).toBe(true);
  await pin.press("Enter");
  await expect.poll(() => isLarge("Alan")).toBe(false);

  await ada.keyboard.press("g");
  await expect.poll(() => isLarge("Grace")).toBe(true);
  await ada.keyboard.press("g");
  await expect.poll(() => isLarge("Grace")).toBe(false);
});

test("the connection to somebody is told in words and numbers", async ({ open, room }) => {
  const ada = await open(`/${room}?topology=sfu`);
  await enter(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  await expectInCall(ada, 1);

  const sign = ada.getByRole("button", { name: /^Connection to Grace: (good|fair|poor)/ });
  await sign.press("Enter");
  const dialog = ada.getByRole("dialog", { name: "Connection to Grace" });
  await expect(dialog.getByText("Through the server")).toBeVisible();
  await expect(dialog.getByText("VP8")).toBeVisible();
  await expect(dialog.getByText(/lines$/)).toBeVisible();
  for (const name of ["Path", "Candidates", "Codec", "Layer", "Receiving", "Loss", "Round trip"]) {
    const row = dialog.locator("dl > div").filter({ has: ada.getByText(name, { exact: true }) });
    await expect(row.locator("dd")).toHaveText(/^[^–]+$/);
  }
});

test("two browsers and two robots see each other through the server, and hear the loudest", async ({
  open,
  room,
  server,
}) => {
  test.setTimeout(120_000);
  const ada = await open(`/${room}`);
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { kind: "firefox" });
  await join(grace, "Grace");
  const robots = await sendRobots(`${server.origin}/${room}`, 2);
  await expectPeople(ada, ["Grace", "Robot 1", "Robot 2"]);
  for (const page of [ada, grace]) {
    await expectPath(page, "Through the server");
    await expect(async () => {
      const measured = await received(page, 1500);
      expect(measured.filter(({ frames }) => frames > 5)).toHaveLength(3);
      expect(measured.filter(({ energy }) => energy > 1e-6).length).toBeGreaterThanOrEqual(2);
    }).toPass({ timeout: 30_000 });
  }

  await robots.leave();
  for (const page of [ada, grace]) await expectPath(page, "Direct");
  for (const page of [ada, grace]) await expectInCall(page, 1);
});

test("a browser shows ten robots at once, and turns the pages of a small window", async ({ open, room, server }) => {
  test.setTimeout(120_000);
  const ada = await open(`/${room}`, { viewport: { width: 1280, height: 800 } });
  await enter(ada, "Ada");
  const robots = await sendRobots(`${server.origin}/${room}`, 10);
  const names = Array.from({ length: 10 }, (_, n) => `Robot ${n + 1}`);
  const others = ada.getByRole("list", { name: "People" }).getByRole("listitem").filter({ hasText: "Robot" });
  await expect(others).toHaveCount(names.length);
  await expect(async () => {
    const measured = await received(ada, 2000);
    expect(measured.filter(({ frames }) => frames > 5)).toHaveLength(names.length);
  }).toPass({ timeout: 45_000 });
  await ada.screenshot({ path: test.info().outputPath("ten.png") });

  await ada.setViewportSize({ width: 640, height: 480 });
  await expect(ada.getByText("Page 1 of 2")).toBeVisible();
  const first = await others.allInnerTexts();
  await ada.getByRole("button", { name: "Next page" }).press("Enter");
  await expect(ada.getByText("Page 2 of 2")).toBeVisible();
  const second = await others.allInnerTexts();
  expect(first.filter((name) => second.includes(name))).toEqual([]);
  expect(first.length + second.length).toBe(names.length);
  await expect(async () => {
    const measured = await received(ada, 2000);
    expect(measured.filter(({ frames }) => frames > 5)).toHaveLength(second.length);
  }).toPass({ timeout: 20_000 });
  await ada.keyboard.press("PageUp");
  await expect(ada.getByText("Page 1 of 2")).toBeVisible();
  await robots.leave();
});

test("a call through the server goes on while the signaling is away", async ({ open, room, server }) => {
  test.setTimeout(90_000);
  const wire = await layWire(server.port);
  const ada = await open(`/${room}?topology=sfu`);
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { origin: wire.origin });
  await join(grace, "Grace");
  for (const page of [ada, grace]) await expectInCall(page, 1);

  wire.cut();
  await expect(grace.getByText("The server is out of reach. The call goes on")).toBeVisible();
  for (let look = 0; look < 4; look += 1) {
    for (const [media] of await Promise.all([received(ada, 2000), received(grace, 2000)])) {
      expect(media?.frames).toBeGreaterThan(0);
      expect(media?.energy).toBeGreaterThan(0);
    }
  }

  wire.mend();
  await expect(grace.getByText("The server is out of reach.")).toHaveCount(0);
  await grace.getByRole("button", { name: "Turn camera off" }).click();
  await expect(tile(ada, "Grace").locator("video")).toBeHidden();
  await grace.getByRole("button", { name: "Turn camera on" }).click();
  for (const page of [ada, grace]) await expectInCall(page, 1);
  await wire.close();
});

function expectPath(page: Page, path: string): Promise<void> {
  return expect(page.locator("main > header").getByText(path, { exact: true })).toBeVisible({ timeout: 20_000 });
}

/** Joins with the microphone alone. */
async function joinUnseen(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "Turn on camera and microphone" }).click();
  await page.getByRole("button", { name: "Turn camera off" }).click();
  await enter(page, name);
}

/** Waits until sound that can be heard has come from so many others. */
async function expectHearing(page: Page, others: number): Promise<void> {
  const heard = (): Promise<number> =>
    page.evaluate(async () => {
      const { connections = [] } = window as Window & { connections?: RTCPeerConnection[] };
      const reports = await Promise.all(connections.map((connection) => connection.getStats()));
      const all: { readonly totalAudioEnergy?: number }[] = reports.flatMap((report) => [
        ...[...report.values()].filter(({ type, kind }) => type === "inbound-rtp" && kind === "audio"),
      ]);
      return all.filter(({ totalAudioEnergy = 0 }) => totalAudioEnergy > 1e-6).length;
    });
  await expect.poll(heard, { timeout: 25_000 }).toBeGreaterThanOrEqual(others);
}

type Frame = { readonly getMetadata: () => { readonly mimeType?: string } };
type Tapped = { readonly createEncodedStreams: () => ReadableWritablePair<Frame, Frame> };

/**
 * Notes in what form the sound of a page's connections goes and comes. What Chromium (156, November 2026) counts in `getStats`
 * names the codec inside of the redundancy.
 */
function tapSound(page: Page): Promise<unknown> {
  return page.addInitScript(() => {
    const carried = new Set<string>();
    const tapped = new WeakSet<object>();
    const tap = (end: object, way: string): void => {
      if (tapped.has(end)) return;
      tapped.add(end);
      const { readable, writable } = (end as Tapped).createEncodedStreams();
      const note = new TransformStream<Frame, Frame>({
        transform(frame, controller) {
          carried.add(`${way} ${frame.getMetadata().mimeType}`);
          controller.enqueue(frame);
        },
      });
      void readable.pipeThrough(note).pipeTo(writable);
    };
    const tapLine = ({ sender, receiver }: RTCRtpTransceiver): void => {
      if (receiver.track.kind !== "audio") return;
      tap(sender, "sent");
      tap(receiver, "received");
    };
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super({ ...configuration, encodedInsertableStreams: true } as RTCConfiguration);
        this.addEventListener("track", ({ transceiver }) => tapLine(transceiver));
      }

      override addTransceiver(...of: Parameters<RTCPeerConnection["addTransceiver"]>): RTCRtpTransceiver {
        const made = super.addTransceiver(...of);
        tapLine(made);
        return made;
      }
    };
    Object.assign(window, { carried });
  });
}

/** In what forms sound has gone and come, on pages whose sound is tapped. */
function soundCarried(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => [...((window as Window & { carried?: Set<string> }).carried ?? [])].sort());
}
