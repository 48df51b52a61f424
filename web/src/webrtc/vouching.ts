/** Speaks up for peers whose signaling is away while their link is alive, so that nobody takes them for lost. */

import type { ParticipantId } from "../protocol/messages";

/** A few times within the lease of a participant, so that one lost vouch does no harm. */
const INTERVAL_MS = 4_000;

export type VouchingOptions = {
  /** Who is `reconnecting` at the moment. */
  readonly reconnecting: () => readonly ParticipantId[];
  readonly arrivals: (peer: ParticipantId) => Promise<number>;
  readonly vouch: (peer: ParticipantId) => void;
};

/** Begins to watch. Returns how to stop. */
export function vouching({ reconnecting, arrivals, vouch }: VouchingOptions): () => void {
  let before = new Map<ParticipantId, number>();

  async function look(): Promise<void> {
    const now = new Map<ParticipantId, number>();
    for (const peer of reconnecting()) {
      const count = await arrivals(peer);
      now.set(peer, count);
      if (count > (before.get(peer) ?? count)) vouch(peer);
    }
    before = now;
  }

  const timer = setInterval(() => void look(), INTERVAL_MS);
  return () => clearInterval(timer);
}
