/** Recording in this browser. What records is fetched when somebody wishes to. */

import type { Dispatch } from "../app/message";
import type { Model } from "../app/model";
import type { Media } from "./media";
import type { Recorder } from "./recorder";

/** What every browser that records can write, and every one can play. */
export const RECORDING_TYPE = "video/webm;codecs=vp8,opus";

export const canRecord = (): boolean =>
  typeof MediaRecorder !== "undefined" &&
  MediaRecorder.isTypeSupported(RECORDING_TYPE) &&
  "captureStream" in HTMLCanvasElement.prototype;

export type Recording = {
  /** Asks where it is to go, and says whether there is such a place. */
  readonly prepare: (name: string) => void;
  readonly begin: () => void;
  /** Ends it, whether it has begun or not. */
  readonly end: () => void;
};

export type RecordingOptions = {
  readonly dispatch: Dispatch;
  readonly media: Media;
  readonly model: () => Model;
};

export function recording({ dispatch, media, model }: RecordingOptions): Recording {
  let current: Recorder | undefined;

  return {
    prepare(name) {
      import("./recorder")
        .then(async ({ recorder }) => {
          const made = await recorder({ name, media, model, onEnded: (outcome) => ended(made, outcome) });
          current = made;
        })
        .then(
          () => dispatch({ type: "recordingPrepared", isReady: true }),
          (error: unknown) => {
            dispatch({ type: "recordingPrepared", isReady: false });
            if (!isChangeOfMind(error)) dispatch({ type: "recordingEnded", outcome: "failed" });
          },
        );
    },
    begin() {
      addEventListener("beforeunload", askFirst);
      current?.begin();
    },
    end: () => current?.end(),
  };

  function ended(made: Recorder, outcome: Parameters<Recorder["onEnded"]>[0]): void {
    if (current === made) current = undefined;
    removeEventListener("beforeunload", askFirst);
    if (outcome !== "dropped") dispatch({ type: "recordingEnded", outcome });
  }
}

/** Whoever closes the browser's list of places without a choice has changed their mind, and knows it. */
const isChangeOfMind = (error: unknown): boolean => error instanceof DOMException && error.name === "AbortError";

/** A page that is closed cannot finish its file. */
function askFirst(event: BeforeUnloadEvent): void {
  event.preventDefault();
}
