/** Short sounds, made here: no file is fetched for them. */

import type { Sound } from "../app/effect";

/** Frequencies in Hz, one after the other. Rising: somebody is there. */
const NOTES: Readonly<Record<Sound, readonly number[]>> = {
  joined: [523, 784],
  hand: [659, 880, 659],
  chat: [988],
  knock: [392, 392, 523],
  test: [440, 554, 659, 880, 659, 554, 440],
  recording: [880, 659, 880, 659],
};

/** How long each note is heard. */
const NOTE_S = 0.11;

/** Loud enough beside voices. Higher startles people who wear headphones. */
const GAIN = 0.08;

export type Sounds = {
  readonly play: (sound: Sound) => void;
  readonly setSpeaker: (deviceId: string | null) => void;
};

export function sounds(): Sounds {
  let context: AudioContext | undefined;
  let speaker: string | null = null;

  function note(out: AudioContext, frequency: number, at: number): void {
    const oscillator = out.createOscillator();
    const gain = out.createGain();
    oscillator.type = "sine";
    oscillator.frequency.value = frequency;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(GAIN, at + 0.01);
    gain.gain.exponentialRampToValueAtTime(0.0001, at + NOTE_S);
    oscillator.connect(gain).connect(out.destination);
    oscillator.start(at);
    oscillator.stop(at + NOTE_S);
  }

  return {
    play(sound) {
      context ??= made(speaker);
      const out = context;
      const playNow = (): void =>
        NOTES[sound].forEach((frequency, index) => note(out, frequency, out.currentTime + index * NOTE_S));
      if (out.state === "running") return playNow();
      // A page that nobody has touched may make no sound, and what is late says nothing any more: but for a tone that was asked for.
      void out.resume().then(sound === "test" ? playNow : undefined, () => undefined);
    },
    setSpeaker(deviceId) {
      speaker = deviceId;
      void directTo(context, deviceId);
    },
  };
}

function made(speaker: string | null): AudioContext {
  const context = new AudioContext();
  void directTo(context, speaker);
  return context;
}

/** Not in Firefox (153, November 2026), which plays them where the system says. */
async function directTo(context: AudioContext | undefined, deviceId: string | null): Promise<void> {
  const out = context as (AudioContext & { setSinkId?: (id: string) => Promise<void> }) | undefined;
  await out?.setSinkId?.(deviceId ?? "").catch(() => undefined);
}
