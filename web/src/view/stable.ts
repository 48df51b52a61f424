/** Keeps what says the same as before as the same object, so that nothing that follows from it is drawn anew. */

/** Returns what gives the object of before for as long as the next ones hold the same. */
export function stable<T extends object>(): (next: T) => T {
  let before: T | undefined;
  return (next) => {
    if (before === undefined || !isSame(before, next)) before = next;
    return before;
  };
}

/** The same for each object of a list, known by what `keyOf` says of it. */
export function stableList<T extends object>(keyOf: (item: T) => string): (next: readonly T[]) => readonly T[] {
  let before = new Map<string, T>();
  return (next) => {
    const kept = next.map((item) => {
      const known = before.get(keyOf(item));
      return known !== undefined && isSame(known, item) ? known : item;
    });
    before = new Map(kept.map((item) => [keyOf(item), item]));
    return kept;
  };
}

/** Compares plain data. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  const entries = Object.entries(one);
  const others = other as Readonly<Record<string, unknown>>;
  return entries.length === Object.keys(other).length && entries.every(([key, value]) => isSame(value, others[key]));
}
