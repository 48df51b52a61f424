/** One direction of the signaling between two ends: in order, late, sometimes double, and lost while it is cut. */

import type { Signal } from "../../src/webrtc/peerConnection";
import type { Random } from "./random";

/** A signal and the number of the link that it belongs to, as the protocol has it. */
export type LinkSignal = { readonly link: number; readonly signal: Signal };

export type Wire = {
  readonly send: (signal: LinkSignal) => void;
  /** Loses what is on its way, and all that is sent until `mend`. */
  readonly cut: () => void;
  readonly mend: () => void;
  readonly isEmpty: () => boolean;
};

const DELAY_MS_MAX = 15;
const DUPLICATES = 0.1;

export function wire(random: Random, deliver: (signal: LinkSignal) => void): Wire {
  let isCut = false;
  let inFlight: { readonly signal: LinkSignal; readonly dueAt: number }[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function put(signal: LinkSignal): void {
    const dueAt = Math.max(performance.now() + random.fraction() * DELAY_MS_MAX, inFlight.at(-1)?.dueAt ?? 0);
    inFlight.push({ signal, dueAt });
  }

  function run(): void {
    timer = undefined;
    while (inFlight[0] && inFlight[0].dueAt <= performance.now()) deliver(inFlight.shift()!.signal);
    schedule();
  }

  function schedule(): void {
    const next = inFlight[0];
    if (next && timer === undefined) timer = setTimeout(run, Math.max(0, next.dueAt - performance.now()));
  }

  return {
    send(signal) {
      if (isCut) return;
      put(signal);
      if (random.chance(DUPLICATES)) put(signal);
      schedule();
    },
    cut() {
      isCut = true;
      inFlight = [];
    },
    mend: () => (isCut = false),
    isEmpty: () => inFlight.length === 0,
  };
}
