/** Writes one WebM of what is on the stage, with everyone's sound. */

import type { Model } from "../app/model";
import type { RecordingOutcome } from "../app/recording";
import type { Media } from "./media";
import { paintStage, STAGE_SIZE } from "./paint";
import { RECORDING_TYPE } from "./recording";
import { openSink, type Trouble } from "./sink";

/** Pictures a second. Higher: smoother, and more work for a machine that has a call to carry. */
const RATE = 25;

/** Higher: sharper, and a larger file. With sound this is about 19 MB a minute. */
const VIDEO_BITRATE = 2_500_000;
const AUDIO_BITRATE = 96_000;

/** Whoever's browser crashes loses this much. */
const CHUNK_MS = 1000;

/** A browser without a sound card never starts. Lower: one that is busy is taken for such a one. */
const START_MS_MAX = 3000;

export type RecorderOptions = {
  readonly name: string;
  readonly media: Media;
  readonly model: () => Model;
  /** `dropped`: before it began. */
  readonly onEnded: (outcome: RecordingOutcome | "dropped") => void;
};

export type Recorder = {
  readonly begin: () => void;
  readonly end: () => void;
  readonly onEnded: RecorderOptions["onEnded"];
};

/** Asks where it is to go. Rejects when the person would not say, or the browser cannot mix sound. */
export async function recorder({ name, media, model, onEnded }: RecorderOptions): Promise<Recorder> {
  let trouble: Trouble | undefined;
  // First of all: it wants the click that this follows from.
  const sink = await openSink(name, (met) => {
    trouble ??= met;
    end();
  });
  const context = new AudioContext();
  const mixed = new MediaStreamAudioDestinationNode(context);
  const canvas = Object.assign(document.createElement("canvas"), STAGE_SIZE);
  const paint = canvas.getContext("2d", { alpha: false });
  let writer: MediaRecorder | undefined;
  let stopTicking = (): void => undefined;
  let isOver = false;

  try {
    if (paint === null) throw new Error("no canvas");
    await started(context);
  } catch (error) {
    void context.close();
    await sink.drop();
    throw error;
  }

  function begin(): void {
    if (isOver || paint === null) return;
    const mix = mixer(context, mixed, media);
    const draw = (): void => {
      mix();
      paintStage(paint, model(), media);
    };
    draw();
    stopTicking = ticking(context, 1 / RATE, draw);
    const tracks = [...canvas.captureStream(RATE).getVideoTracks(), ...mixed.stream.getAudioTracks()];
    writer = new MediaRecorder(new MediaStream(tracks), {
      mimeType: RECORDING_TYPE,
      videoBitsPerSecond: VIDEO_BITRATE,
      audioBitsPerSecond: AUDIO_BITRATE,
    });
    writer.addEventListener("dataavailable", ({ data }) => sink.write(data));
    writer.addEventListener("error", () => (trouble ??= "failed"));
    // Also after an error.
    writer.addEventListener("stop", () => void finish());
    writer.start(CHUNK_MS);
  }

  function end(): void {
    if (isOver) return;
    isOver = true;
    stopTicking();
    if (writer !== undefined && writer.state !== "inactive") return writer.stop();
    void context.close();
    void sink.drop().finally(() => onEnded("dropped"));
  }

  async function finish(): Promise<void> {
    isOver = true;
    stopTicking();
    void context.close();
    const isKept = await sink.close().then(
      () => true,
      () => false,
    );
    onEnded(isKept ? (trouble ?? "saved") : "failed");
  }

  return { begin, end, onEnded };
}

/** Returns how to see to it that whoever is heard now is in the mix, oneself included. */
function mixer(context: AudioContext, into: AudioNode, media: Media): () => void {
  const sources = new Map<MediaStreamTrack, MediaStreamAudioSourceNode>();
  return () => {
    const heard: MediaStreamTrack[] = media.owners().flatMap((owner) => media.stream(owner)?.getAudioTracks() ?? []);
    for (const [track, source] of sources) {
      if (heard.includes(track)) continue;
      source.disconnect();
      sources.delete(track);
    }
    for (const track of heard) {
      if (sources.has(track)) continue;
      const source = context.createMediaStreamSource(new MediaStream([track]));
      source.connect(into);
      sources.set(track, source);
    }
  };
}

/**
 * Runs something at an even pace by the clock of the sound: timers of pages that nobody looks at come once a second (Chromium 156,
 * Firefox 153, November 2026). Returns how to stop.
 */
function ticking(context: AudioContext, everyS: number, run: () => void): () => void {
  const silence = new GainNode(context, { gain: 0 });
  silence.connect(context.destination);
  let isOver = false;
  const next = (): void => {
    if (isOver) return;
    const tick = new ConstantSourceNode(context);
    tick.addEventListener("ended", () => {
      tick.disconnect();
      next();
      if (!isOver) run();
    });
    tick.connect(silence);
    tick.start();
    tick.stop(context.currentTime + everyS);
  };
  next();
  return () => (isOver = true);
}

async function started(context: AudioContext): Promise<void> {
  const tooLate = new Promise<never>((_, reject) => setTimeout(() => reject(new Error("no sound")), START_MS_MAX));
  await Promise.race([context.resume(), tooLate]);
}
