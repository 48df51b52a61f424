import { describe, expect, test } from "vitest";
import { en, type Dictionary } from "./en";
import { fr } from "./fr";

const DICTIONARIES: readonly (readonly [string, Dictionary])[] = [
  ["English", en],
  ["French", fr],
];

describe.each(DICTIONARIES)("%s", (_, text) => {
  test("has words everywhere", () => {
    for (const [path, sentence] of sentences(text)) expect(sentence.trim(), path).not.toBe("");
  });

  test("says how to mend every error", () => {
    for (const sentence of Object.values(text.errors)) expect(sentence).toMatch(/^\p{Lu}.*\.$/u);
  });
});

test("counts people as each language does", () => {
  expect([0, 1, 2].map(en.call.participants)).toEqual(["0 people here", "1 person here", "2 people here"]);
  expect([0, 1, 2].map(fr.call.participants)).toEqual([
    "0 personne présente",
    "1 personne présente",
    "2 personnes présentes",
  ]);
});

test("the French is not left in English", () => {
  const french = new Map(sentences(fr));
  const same = sentences(en).filter(([path, sentence]) => sentence.includes(" ") && french.get(path) === sentence);
  expect(same).toEqual([]);
});

function sentences(part: object, prefix = ""): [string, string][] {
  return Object.entries(part).flatMap(([key, value]: [string, unknown]): [string, string][] => {
    if (typeof value === "string") return [[prefix + key, value]];
    if (typeof value === "object" && value !== null) return sentences(value, `${prefix}${key}.`);
    return [];
  });
}
