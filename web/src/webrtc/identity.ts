/** Who one is to the server: a secret for each room, kept as long as the tab, so that a reload is the same participant. */

import type { InstanceId, ParticipantKey } from "../protocol/messages";

const PREFIX = "allo.participantKey.";
const ATTEMPTS = "allo.attempts";

/** Returns 128 random bits in hexadecimal. */
export function random128(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const newInstance = (): InstanceId => random128();

/** Returns the key kept for a room, or makes and keeps one. */
export function participantKey(room: string): ParticipantKey {
  const name = PREFIX + room.normalize("NFC").toLowerCase();
  try {
    const kept = sessionStorage.getItem(name);
    if (kept && /^[0-9a-f]{32}$/.test(kept)) return kept;
    const made = random128();
    sessionStorage.setItem(name, made);
    return made;
  } catch {
    // No storage here, or it is full or forbidden: a reload will then be someone new.
    return random128();
  }
}

/** For pages without storage: they have a new key each time they are loaded, and so begin anew. */
let attemptsOfThisPage = 0;

/**
 * Returns a number higher than all that this tab used before, reloads included. It marks each `join`, so that one that was
 * under way for long is not taken for the latest.
 */
export function nextAttempt(): number {
  try {
    const kept = Number(sessionStorage.getItem(ATTEMPTS));
    attemptsOfThisPage = Math.max(attemptsOfThisPage, Number.isSafeInteger(kept) ? kept : 0) + 1;
    sessionStorage.setItem(ATTEMPTS, String(attemptsOfThisPage));
  } catch {
    attemptsOfThisPage += 1;
  }
  return attemptsOfThisPage;
}
