/** Files that were chosen to be sent, under numbers: the model has these alone. */

import type { ChosenFile } from "../app/model";

/** More than can be on offer. The oldest go first, and cannot be sent any more. */
const HELD_MAX = 64;

const held = new Map<number, File>();
let last = 0;

/** Holds files, and says what the model is to know of them. */
export function hold(files: Iterable<File>): readonly ChosenFile[] {
  return Array.from(files, (file) => {
    last += 1;
    held.set(last, file);
    const [oldest] = held.keys();
    if (held.size > HELD_MAX && oldest !== undefined) held.delete(oldest);
    return { reference: last, name: file.name, bytes: file.size, mediaType: file.type };
  });
}

export const heldFile = (reference: number): File | undefined => held.get(reference);
