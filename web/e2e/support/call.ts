/** What people do, and how a test knows that they hear and see each other. */

import { expect, type Locator, type Page } from "@playwright/test";

/** Turns both devices on, gives a name and joins, as a person would. */
export async function join(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "Turn on camera and microphone" }).click();
  await expect(page.getByRole("button", { name: "Turn camera off" })).toBeVisible();
  await enter(page, name);
}

/** Joins with the devices as they are. */
export async function enter(page: Page, name: string): Promise<void> {
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await expect(page.getByRole("button", { name: "Leave", exact: true })).toBeVisible();
}

/** The tile of somebody else, by the name it shows. */
export function tile(page: Page, name: string): Locator {
  return page.getByRole("list", { name: "People" }).getByRole("listitem").filter({ hasText: name });
}

/** Waits until exactly these are seen besides oneself. */
export async function expectPeople(page: Page, names: readonly string[]): Promise<void> {
  const tiles = page.getByRole("list", { name: "People" }).getByRole("listitem");
  for (const name of names) await expect(tile(page, name)).toBeVisible();
  await expect(tiles).toHaveCount(names.length + 1);
}

export type Received = { readonly frames: number; readonly energy: number };

/**
 * Measures what arrives from each of the others for `ms`: frames presented on the elements that people look at, and the
 * energy of the sound that their receivers played. (An AudioContext would not do: Firefox starts none without a sound
 * card.)
 */
export function received(page: Page, ms: number): Promise<readonly Received[]> {
  return page.evaluate(async (duration) => {
    const { connections = [] } = window as Window & { connections?: RTCPeerConnection[] };
    const receivers = connections.flatMap((connection) => connection.getReceivers());
    const energyOf = async (track: MediaStreamTrack | undefined): Promise<number> => {
      const stats = await receivers.find((receiver) => receiver.track === track)?.getStats();
      return Math.max(0, ...[...(stats?.values() ?? [])].map((report) => Number(report.totalAudioEnergy ?? 0)));
    };
    const measure = async (video: HTMLVideoElement): Promise<Received> => {
      const [track] = (video.srcObject as MediaStream).getAudioTracks();
      const before = await energyOf(track);
      let frames = 0;
      const count = (): void => {
        frames += 1;
        video.requestVideoFrameCallback(count);
      };
      video.requestVideoFrameCallback(count);
      await new Promise((resolve) => setTimeout(resolve, duration));
      return { frames, energy: (await energyOf(track)) - before };
    };
    const videos = [...document.querySelectorAll("video")].filter((video) => !video.muted && video.srcObject);
    return Promise.all(videos.map(measure));
  }, ms);
}

/** Quieter than any voice or test tone, louder than the silence of a muted track. */
const AUDIBLE = 1e-6;

/** In a call: pictures move and sound is heard from `peers` others. */
export async function expectInCall(page: Page, peers: number): Promise<void> {
  await expect(async () => {
    const measured = await received(page, 1500);
    expect(measured).toHaveLength(peers);
    for (const { frames, energy } of measured) {
      expect(frames).toBeGreaterThan(5);
      expect(energy).toBeGreaterThan(AUDIBLE);
    }
  }).toPass({ timeout: 25_000 });
}
