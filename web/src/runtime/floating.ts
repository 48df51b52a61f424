/** A small window over other windows: with buttons where the browser can (Document Picture-in-Picture), a picture otherwise. */

import type { Surroundings } from "../app/model";
import type { Dispatch } from "../app/message";
import type { TileId } from "../app/tiles";
import type { Media } from "./media";
import type { Screen } from "./screen.svelte";

/** Not yet in the types of the DOM: https://wicg.github.io/document-picture-in-picture/ (November 2026). */
type DocumentPictureInPicture = {
  readonly requestWindow: (size: { readonly width: number; readonly height: number }) => Promise<Window>;
};

const documentApi = (): DocumentPictureInPicture | undefined =>
  (window as { documentPictureInPicture?: DocumentPictureInPicture }).documentPictureInPicture;

export function floatingOf(): Surroundings["floating"] {
  if (documentApi() !== undefined) return "page";
  return document.pictureInPictureEnabled === true ? "picture" : null;
}

export type FloatingOptions = {
  readonly dispatch: Dispatch;
  readonly media: Pick<Media, "element">;
  readonly drawInto: Screen["drawInto"];
};

/** Returns how to show a tile over other windows, or nothing any more. */
export function floating({ dispatch, media, drawInto }: FloatingOptions): (tile: TileId | null) => Promise<void> {
  let close = (): void => undefined;

  async function openPage(api: DocumentPictureInPicture): Promise<void> {
    // First of all: it wants the click that this follows from.
    const opened = await api.requestWindow({ width: 380, height: 300 });
    const { default: Floating } = await import("../view/Floating.svelte");
    dress(opened.document);
    const stop = drawInto(Floating, opened.document.body);
    close = () => opened.close();
    opened.addEventListener("pagehide", () => {
      stop();
      dispatch({ type: "floatingChanged", isFloating: false });
    });
    dispatch({ type: "floatingChanged", isFloating: true });
  }

  async function openPicture(video: HTMLVideoElement): Promise<void> {
    await video.requestPictureInPicture();
    close = () => void document.exitPictureInPicture().catch(() => undefined);
    const left = (): void => dispatch({ type: "floatingChanged", isFloating: false });
    video.addEventListener("leavepictureinpicture", left, { once: true });
    dispatch({ type: "floatingChanged", isFloating: true });
  }

  return async (tile) => {
    if (tile === null) return close();
    const api = documentApi();
    const video = media.element(tile);
    try {
      if (api !== undefined) await openPage(api);
      else if (video !== undefined) await openPicture(video);
    } catch {
      // The browser or the person would not have it: all stays as it was.
    }
  };
}

/** The new window has the page's own looks. */
function dress(target: Document): void {
  const { lang, dir, dataset } = document.documentElement;
  Object.assign(target.documentElement, { lang, dir });
  target.documentElement.dataset["theme"] = dataset["theme"] ?? "auto";
  for (const { href } of document.styleSheets) {
    if (href === null) continue;
    const link = target.createElement("link");
    Object.assign(link, { rel: "stylesheet", href });
    target.head.append(link);
  }
}
