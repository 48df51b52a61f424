/** How loud each stream is, measured on the stream itself. */

import type { Level } from "../app/message";
import { SELF, type StreamOwner } from "../view/streams";
import { loudest } from "./loudness";
import type { Media } from "./media";

/** Speech is quiet in numbers: its root mean square is rarely above a quarter of full scale. */
const GAIN = 4;

/**
 * Samples that are looked at in each pass: 85 ms at 48 kHz, nearly all of the 100 ms between two passes. Fewer: a short sound falls
 * between two passes, and one that comes at an even pace always does.
 */
const SAMPLES = 4096;

export type Levels = {
  /** Measures everybody in one pass. */
  readonly measure: () => { readonly own: number; readonly peers: readonly Level[] };
  /** Lets go of everything. */
  readonly close: () => void;
};

type Probe = {
  readonly track: MediaStreamTrack;
  /** A muted track is silence: what is said into it is heard on a copy, which goes nowhere. */
  readonly copy: MediaStreamTrack | null;
  readonly source: MediaStreamAudioSourceNode;
  readonly analyser: AnalyserNode;
};

export function levels(media: Media): Levels {
  const context = new AudioContext();
  const probes = new Map<StreamOwner, Probe>();
  const samples = new Float32Array(SAMPLES);

  const probeOf = (owner: StreamOwner): Probe | undefined => {
    const track = media.stream(owner)?.getAudioTracks()[0];
    const known = probes.get(owner);
    if (known?.track === track && (known?.copy != null) === isMuted(track)) return known;
    forget(probes, owner);
    if (track === undefined) return undefined;
    const probe = connect(context, track, samples.length);
    probes.set(owner, probe);
    return probe;
  };

  const levelOf = (owner: StreamOwner): number => {
    const probe = probeOf(owner);
    if (probe === undefined) return 0;
    probe.analyser.getFloatTimeDomainData(samples);
    return Math.min(1, loudest(samples) * GAIN);
  };

  return {
    measure: () => {
      // A context made before the first touch of the page sleeps until it is woken.
      if (context.state === "suspended") void context.resume();
      const owners = media.owners();
      for (const owner of probes.keys()) if (!owners.includes(owner)) forget(probes, owner);
      const peers = owners.filter((owner) => owner !== SELF).map((id) => ({ id, level: levelOf(id) }));
      return { own: levelOf(SELF), peers };
    },
    close: () => {
      for (const owner of probes.keys()) forget(probes, owner);
      void context.close();
    },
  };
}

function isMuted(track: MediaStreamTrack | undefined): boolean {
  return track !== undefined && !track.enabled;
}

function connect(context: AudioContext, track: MediaStreamTrack, size: number): Probe {
  const copy = isMuted(track) ? track.clone() : null;
  if (copy !== null) copy.enabled = true;
  const source = context.createMediaStreamSource(new MediaStream([copy ?? track]));
  const analyser = context.createAnalyser();
  analyser.fftSize = size;
  source.connect(analyser);
  return { track, copy, source, analyser };
}

function forget(probes: Map<StreamOwner, Probe>, owner: StreamOwner): void {
  const probe = probes.get(owner);
  probe?.source.disconnect();
  probe?.copy?.stop();
  probes.delete(owner);
}
