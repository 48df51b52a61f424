/** Proquints (Wilkerson, 2009): 16 bits as a word of five letters that can be said aloud, such as "lusab". */

const CONSONANTS = "bdfghjklmnprstvz";
const VOWELS = "aiou";

/** How many random bytes an unguessable room name is made of: 128 bits, eight words. */
export const ROOM_BYTES = 16;

/** Returns `bytes`, an even number of them, as words joined by hyphens. */
export function proquints(bytes: readonly number[]): string {
  const words: string[] = [];
  for (let index = 0; index + 1 < bytes.length; index += 2) {
    words.push(word(((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0)));
  }
  return words.join("-");
}

function word(bits: number): string {
  const consonant = (shift: number): string => CONSONANTS.charAt((bits >> shift) & 0xf);
  const vowel = (shift: number): string => VOWELS.charAt((bits >> shift) & 0x3);
  return consonant(12) + vowel(10) + consonant(6) + vowel(4) + consonant(0);
}
