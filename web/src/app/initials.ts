/** What stands for a person where there is no picture. */

/** How many disc colours the style sheet has. */
export const COLOURS = 8;

/** Returns one or two letters for `name`: those of its first and last words. */
export function initials(name: string): string {
  const words = name.split(/[\s\-_.]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : words;
  const letters = chosen.map((word) => firstGrapheme((word ?? "").replace(/^[^\p{L}\p{N}]+/u, "")));
  return letters.join("").toLocaleUpperCase() || firstGrapheme(name.trim()) || "?";
}

/** Returns which of the colours `id` has: the same one for as long as the person is in the room. */
export function colourOf(id: string): number {
  let hash = 0;
  for (const character of id) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return hash % COLOURS;
}

function firstGrapheme(text: string): string {
  const [first] = new Intl.Segmenter().segment(text);
  // A grapheme can hold thousands of combining marks: what is longer than any real one is cut.
  return [...(first?.segment ?? "")].slice(0, 8).join("");
}
