/** Noise taken out of speech by RNNoise, which knows voices better than what browsers have. */

import { loadRnnoise, RnnoiseWorkletNode } from "@sapphi-red/web-noise-suppressor";
import plainUrl from "@sapphi-red/web-noise-suppressor/rnnoise.wasm?url";
import workletUrl from "@sapphi-red/web-noise-suppressor/rnnoiseWorklet.js?url";
import simdUrl from "@sapphi-red/web-noise-suppressor/rnnoise_simd.wasm?url";
import type { Filtered } from "./filters";

/** What RNNoise was taught with. */
const SAMPLE_RATE = 48_000;

/** A browser without a sound card never starts. Lower: one that is busy is taken for such a one. */
const START_MS_MAX = 3_000;

export async function withoutNoise(track: MediaStreamTrack): Promise<Filtered> {
  const context = new AudioContext({ sampleRate: SAMPLE_RATE });
  try {
    const source = context.createMediaStreamSource(new MediaStream([track]));
    const [wasmBinary] = await Promise.all([
      loadRnnoise({ url: plainUrl, simdUrl }),
      context.audioWorklet.addModule(workletUrl),
      started(context),
    ]);
    const suppressor = new RnnoiseWorkletNode(context, { maxChannels: 1, wasmBinary });
    const destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    source.connect(suppressor).connect(destination);
    // A telephone call stops it, and nobody else would start it again.
    context.addEventListener("statechange", () => void context.resume().catch(() => undefined));
    const [filtered] = destination.stream.getAudioTracks();
    if (!filtered) throw new Error("there is no track");
    if ("contentHint" in filtered) filtered.contentHint = "speech";
    return {
      track: filtered,
      end() {
        filtered.stop();
        suppressor.destroy();
        void context.close();
      },
    };
  } catch (error) {
    void context.close();
    throw error;
  }
}

/** Until it runs there is silence only. */
async function started(context: AudioContext): Promise<void> {
  const tooLate = new Promise<never>((_, reject) => setTimeout(() => reject(new Error("no sound")), START_MS_MAX));
  await Promise.race([context.resume(), tooLate]);
}
