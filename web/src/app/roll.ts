/** The list of people: who is on it, and in which order. */

import { hands } from "./meeting";
import type { Person, RoomPage } from "./model";

/** Returns those whose names hold what is searched for: raised hands first, in their order, then as was wished. */
export function rolled(page: RoomPage, language: string): readonly Person[] {
  const { search, order } = page.roll;
  const wanted = folded(search.trim());
  const up = hands(page);
  const others = page.people.filter((person) => !up.includes(person));
  const all = [...up, ...(order === "name" ? byName(others, language) : others)];
  return wanted === "" ? all : all.filter(({ displayName }) => folded(displayName).includes(wanted));
}

function byName(people: readonly Person[], language: string): readonly Person[] {
  const collator = new Intl.Collator(language, { numeric: true });
  return people.toSorted((a, b) => collator.compare(a.displayName, b.displayName));
}

/** Without capitals and accents, as people search. */
const folded = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
