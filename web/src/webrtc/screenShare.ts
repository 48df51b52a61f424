/** The own screen while it is shared: its picture, and its sound where the browser gives it. */

import { codeOf, deviceError } from "./devices";
import type { DeviceOutcome, ScreenContent } from "./types";

export type ScreenSource = "screen" | "screenAudio";

export type ScreenShare = {
  readonly stream: MediaStream;
  readonly track: (source: ScreenSource) => MediaStreamTrack | null;
  readonly isOn: () => boolean;
  readonly set: (isShared: boolean) => Promise<DeviceOutcome>;
  /** What matters most of what is shared, now and later. */
  readonly setContent: (content: ScreenContent) => void;
};

/** As sharp as the screen is. More pictures a second than text needs would be taken from its sharpness. */
export const SCREEN_RATES: Readonly<Record<ScreenContent, number>> = { detail: 15, motion: 30 };
const RATE_MAX = 30;

/** What makes speech clearer spoils the sound of a film. */
const AUDIO: MediaTrackConstraints = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** TypeScript's own declarations have no `cursor` yet (Screen Capture §5.4). */
type ScreenConstraints = MediaTrackConstraints & { readonly cursor: "always" };

/** The others are to see what is pointed at. */
const pictureOf = (content: ScreenContent): ScreenConstraints => ({
  cursor: "always",
  frameRate: { ideal: SCREEN_RATES[content], max: RATE_MAX },
});

/** Whether this browser lets a page share the screen; those of telephones do not. */
export const canShareScreen = (): boolean =>
  typeof navigator !== "undefined" && typeof navigator.mediaDevices?.getDisplayMedia === "function";

/** `onChange`: another screen, or none, is to be sent. */
export function screenShare(onChange: () => void): ScreenShare {
  const stream = new MediaStream();
  let content: ScreenContent = "detail";
  const track = (source: ScreenSource): MediaStreamTrack | null =>
    stream.getTracks().find(({ kind }) => (kind === "video") === (source === "screen")) ?? null;

  function hold(tracks: readonly MediaStreamTrack[]): void {
    for (const former of stream.getTracks()) {
      stream.removeTrack(former);
      former.stop();
    }
    for (const track of tracks) {
      stream.addTrack(track);
      hint(track);
      if (track.kind !== "video") continue;
      // The browser's own button ended it, or the window is gone.
      track.addEventListener("ended", () => stream.getTracks().includes(track) && hold([]), { once: true });
    }
    onChange();
  }

  /** Tells the encoder what to spare. Not in Firefox (153, November 2026), hence the test. */
  function hint(track: MediaStreamTrack): void {
    if ("contentHint" in track) track.contentHint = track.kind === "video" ? content : "music";
  }

  async function share(): Promise<DeviceOutcome> {
    if (!canShareScreen()) return { ok: false, error: deviceError("deviceUnsupported", "screen") };
    try {
      hold((await navigator.mediaDevices.getDisplayMedia({ video: pictureOf(content), audio: AUDIO })).getTracks());
      return { ok: true, on: true };
    } catch (error) {
      const code = codeOf(error);
      // Whoever closes the browser's list without a choice has changed their mind, and knows it.
      return code === "deviceDenied"
        ? { ok: true, on: stream.getTracks().length > 0 }
        : { ok: false, error: deviceError(code, "screen") };
    }
  }

  return {
    stream,
    track,
    isOn: () => track("screen") !== null,
    async set(isShared) {
      if (isShared) return share();
      if (stream.getTracks().length > 0) hold([]);
      return { ok: true, on: false };
    },
    setContent(wanted) {
      if (wanted === content) return;
      content = wanted;
      const picture = track("screen");
      if (!picture) return;
      hint(picture);
      // A browser that captures at one pace only goes on as before.
      picture.applyConstraints(pictureOf(content)).catch(() => undefined);
      onChange();
    },
  };
}
