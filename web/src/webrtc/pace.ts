/** Keeps what is sent below the rate that the server allows, so that a burst is late and not refused. */

import type { Limits } from "../protocol/messages";

/** Beyond this many waiting messages the oldest are lost; being greeted again mends what they were about. */
const WAITING_MAX = 1_000;
/** The share of the server's limits to use: its clock and ours do not agree to the millisecond. */
const CAUTION = 0.8;

export type Pace = {
  readonly send: (text: string) => void;
  readonly stop: () => void;
};

/** A token bucket in front of `send`, filled as `limits` say. */
export function pace(limits: Pick<Limits, "messageBurst" | "messagesPerSecond">, send: (text: string) => void): Pace {
  const burst = Math.max(1, limits.messageBurst * CAUTION);
  const perMs = Math.max(1, limits.messagesPerSecond * CAUTION) / 1_000;
  const waiting: string[] = [];
  let tokens = burst;
  let filledAt = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function fill(): void {
    const now = performance.now();
    tokens = Math.min(burst, tokens + (now - filledAt) * perMs);
    filledAt = now;
  }

  function drain(): void {
    timer = undefined;
    fill();
    while (tokens >= 1 && waiting.length > 0) {
      tokens -= 1;
      send(waiting.shift() as string);
    }
    if (waiting.length > 0) timer = setTimeout(drain, Math.ceil((1 - tokens) / perMs));
  }

  return {
    send(message) {
      if (waiting.length === WAITING_MAX) waiting.shift();
      waiting.push(message);
      if (timer === undefined) drain();
    },
    stop() {
      clearTimeout(timer);
      waiting.length = 0;
    },
  };
}
