import type { SlotCounts } from "./sessionConnection";

/** More voices than these are not told apart; more pictures are not recognised. Each slot costs its share of the offer. */
const LARGE: SlotCounts = { audio: 4, video: 12 };
/** A telephone shows fewer and decodes more slowly. */
const SMALL: SlotCounts = { audio: 4, video: 6 };
/** The shorter side of the largest telephones, in CSS pixels. */
const SMALL_SIDE_MAX = 500;

/** Returns how much this device can show at once. */
export function slotCounts(): SlotCounts {
  if (typeof screen === "undefined") return LARGE;
  return Math.min(screen.width, screen.height) <= SMALL_SIDE_MAX ? SMALL : LARGE;
}
