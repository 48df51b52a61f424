/** Addresses in what people write, found so that they can be followed. Everything stays text: nothing here makes markup. */

export type Piece = { readonly text: string; readonly href: string | null };

/** Web addresses only. No quotes, brackets or backslashes: what has them is pasted code, or a trick. */
const ADDRESS =
  /\bhttps?:\/\/[^\s<>"'`\\{}|^\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]+/giu;

/** More in one text are not made into links, so that a long one costs little to show. */
const LINKS_MAX = 50;

/** Cuts a text into what is a link and what is not; together they are the text. */
export function pieces(text: string): readonly Piece[] {
  const found: Piece[] = [];
  let end = 0;
  for (const match of [...text.matchAll(ADDRESS)].slice(0, LINKS_MAX)) {
    const href = address(match[0]);
    if (href === null) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index), href: null });
    found.push({ text: href, href });
    end = match.index + href.length;
  }
  if (end < text.length) found.push({ text: text.slice(end), href: null });
  return found;
}

function address(matched: string): string | null {
  const trimmed = withoutSentenceEnd(matched);
  const [, host = ""] = /^https?:\/\/([^/?#]*)/iu.exec(trimmed) ?? [];
  // A name before an @ looks like the host to people, and is none.
  return host === "" || host.includes("@") ? null : trimmed;
}

/** What ends a sentence does not belong to the address; a bracket does if it was opened in it. */
function withoutSentenceEnd(matched: string): string {
  let end = matched.length;
  let open = matched.split("(").length - matched.split(")").length;
  for (; end > 0 && ".,;:!?…)]".includes(matched[end - 1] ?? ""); end -= 1) {
    if (matched[end - 1] !== ")") continue;
    if (open >= 0) break;
    open += 1;
  }
  return matched.slice(0, end);
}
