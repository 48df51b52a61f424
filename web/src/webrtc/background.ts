/** Another background behind a person, blurred or a picture, by MediaPipe's segmentation. Nothing leaves the browser for it. */

import { VirtualBackgroundProcessor, type VirtualBackgroundProcessorOptions } from "@shiguredo/virtual-background";
import type { Filtered } from "./filters";
import type { Background } from "./types";

/** In pixels of the camera. Lower: what hangs on the wall can be read. Higher costs more, and people's edges glow. */
const BLUR_RADIUS = 14;

/** From when on there is a picture. Lower: a slow machine, which would manage, is told that it cannot. */
const FIRST_PICTURE_MS_MAX = 15_000;

/** The library adds its script by this function; see vite.background.ts. Only that script's address is made one to trust. */
declare global {
  var alloScriptUrl: (url: string) => string;
}
globalThis.alloScriptUrl = trusting();

/** Loading it takes seconds and much memory, so there is one. */
const processor = new VirtualBackgroundProcessor(__BACKGROUND_FILES__);

export async function withBackground(
  track: MediaStreamTrack,
  background: Exclude<Background, "none">,
): Promise<Filtered> {
  processor.stopProcessing();
  try {
    const options: VirtualBackgroundProcessorOptions =
      background === "blur" ? { blurRadius: BLUR_RADIUS } : { backgroundImage: await background() };
    const filtered = await processor.startProcessing(track as MediaStreamVideoTrack, options);
    await shown(filtered);
    return {
      track: filtered,
      end() {
        filtered.stop();
        if (processor.getProcessedTrack() === filtered) processor.stopProcessing();
      },
    };
  } catch (error) {
    processor.stopProcessing();
    throw error;
  }
}

/** Resolves with the first picture. Where the machine cannot do it the library promises a track on which none ever comes. */
async function shown(track: MediaStreamTrack): Promise<void> {
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = new MediaStream([track]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (): void => reject(new Error("no picture came"));
      timer = setTimeout(fail, FIRST_PICTURE_MS_MAX);
      track.addEventListener("ended", fail, { once: true });
      video.addEventListener("loadeddata", () => resolve(), { once: true });
      video.play().catch(() => undefined);
    });
  } finally {
    clearTimeout(timer);
    video.srcObject = null;
  }
}

type Policies = {
  readonly createPolicy: (
    name: string,
    rules: { readonly createScriptURL: (url: string) => string },
  ) => { readonly createScriptURL: (url: string) => string };
};

/** Trusted Types are in Chromium and Firefox (153), not in every Safari (November 2026): there the address goes as it is. */
function trusting(): (url: string) => string {
  const createScriptURL = (url: string): string => {
    if (url.startsWith(`${__BACKGROUND_FILES__}/`)) return url;
    throw new TypeError("this is no script of the background's");
  };
  const { trustedTypes } = globalThis as { trustedTypes?: Policies };
  const policy = trustedTypes?.createPolicy("allo", { createScriptURL });
  return policy ? (url) => policy.createScriptURL(url) : createScriptURL;
}
