import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { screenShare } from "./screenShare";
import { fakeBrowser, FakeTrack, realBrowser } from "./testing";

beforeEach(fakeBrowser);
afterEach(() => {
  vi.unstubAllGlobals();
  realBrowser();
});

/** A screen and its sound, and what the browser was asked for. */
function screen() {
  const made = (kind: "audio" | "video") =>
    Object.assign(new FakeTrack(kind, "screen"), { contentHint: "", applyConstraints: vi.fn(async () => undefined) });
  const [picture, sound] = [made("video"), made("audio")];
  const getDisplayMedia = vi.fn(async () => ({ getTracks: () => [picture, sound] }));
  vi.stubGlobal("navigator", { mediaDevices: { getDisplayMedia } });
  const changed = vi.fn();
  return { picture, sound, getDisplayMedia, changed, share: screenShare(changed) };
}

test("letters are sharp at first, and the sound is not treated as speech", async () => {
  const { picture, sound, share, getDisplayMedia } = screen();
  await share.set(true);
  expect([picture.contentHint, sound.contentHint]).toEqual(["detail", "music"]);
  expect(getDisplayMedia).toHaveBeenCalledWith({
    video: { cursor: "always", frameRate: { ideal: 15, max: 30 } },
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
});

test("a film that is shared runs smoothly from the moment that it is said to be one", async () => {
  const { picture, share, changed } = screen();
  await share.set(true);
  changed.mockClear();
  share.setContent("motion");
  share.setContent("motion");
  expect(picture.contentHint).toBe("motion");
  expect(picture.applyConstraints).toHaveBeenCalledExactlyOnceWith({
    cursor: "always",
    frameRate: { ideal: 30, max: 30 },
  });
  expect(changed).toHaveBeenCalledTimes(1);
});

test("the browser's own button ends the picture and its sound", async () => {
  const { picture, sound, share } = screen();
  await share.set(true);
  picture.unplug();
  expect([share.isOn(), sound.readyState]).toEqual([false, "ended"]);
});
