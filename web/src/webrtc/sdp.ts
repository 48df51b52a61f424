/** The little that has to be known of an SDP's text (RFC 8866). Nothing here changes one. */

/** Lines that differ between two descriptions that ask for the same: their number, and where packets may go. */
const INCIDENTAL = /^(?:o=|c=|a=candidate:|a=end-of-candidates|a=rtcp:|a=ice-options:)/;
/** The port is 9 until there are candidates, and 0 for what is rejected. */
const PORT = /^(m=\w+) [1-9]\d*/;

/** Returns whether two descriptions differ in nothing but their origin and the candidates gathered so far. */
export function isSameButForOrigin(one: string, other: string): boolean {
  return essence(one) === essence(other);
}

function essence(sdp: string): string {
  return sdp
    .split(/\r?\n/)
    .filter((line) => !INCIDENTAL.test(line))
    .map((line) => line.replace(PORT, "$1 9"))
    .join("\n");
}
