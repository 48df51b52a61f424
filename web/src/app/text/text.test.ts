import { describe, expect, test } from "vitest";
import { LANGUAGES, type Language } from "../settings";
import { CHECKUP_WORDS } from "./checkup";
import { de } from "./de";
import { DIALOG_WORDS } from "./dialogs";
import { en, type Dictionary } from "./en";
import { fr } from "./fr";
import { it } from "./it";
import { pt } from "./pt";
import { es } from "./es";

const withAll = (language: Language, dictionary: Dictionary) => ({
  ...dictionary,
  checkup: CHECKUP_WORDS[language],
  dialogs: DIALOG_WORDS[language],
});

const DICTIONARIES = {
  de: withAll("de", de),
  en: withAll("en", en),
  es: withAll("es", es),
  fr: withAll("fr", fr),
  it: withAll("it", it),
  pt: withAll("pt", pt),
} satisfies Record<Language, Dictionary>;

describe.each(LANGUAGES)("%s", (language) => {
  const text = DICTIONARIES[language];

  test("has words everywhere", () => {
    for (const [path, sentence] of sentences(text)) expect(sentence.trim(), path).not.toBe("");
  });

  test("says how to mend every error", () => {
    for (const sentence of Object.values(text.errors)) expect(sentence).toMatch(/^\p{Lu}.*\.$/u);
  });

  test("keeps what is put into its sentences", () => {
    const plain = new Map(filled(DICTIONARIES.en));
    for (const [path, sentence] of filled(text)) {
      const names = plain.get(path)?.match(/«\w+»/gu) ?? [];
      for (const name of names) expect(sentence, path).toContain(name);
    }
  });

  test("counts with each form that it has", () => {
    const forms = [text.call.participants, text.call.pausedCount, text.chat.unread, text.meeting.knock];
    for (const form of forms) {
      expect(form(2)).toContain("2");
      expect(form(1)).not.toBe(form(2).replace("2", "1"));
    }
  });
});

test.each(LANGUAGES.filter((language) => language !== "en"))("%s is not left in English", (language) => {
  const own = new Map(sentences(DICTIONARIES[language]));
  const same = sentences(DICTIONARIES.en).filter(
    ([path, sentence]) => sentence.includes(" ") && own.get(path) === sentence,
  );
  expect(same).toEqual([]);
});

test("counts people as each language does", () => {
  expect([0, 1, 2].map(en.call.participants)).toEqual(["0 people here", "1 person here", "2 people here"]);
  expect([0, 1, 2].map(fr.call.participants)).toEqual([
    "0 personne présente",
    "1 personne présente",
    "2 personnes présentes",
  ]);
});

type Entry = [string, string];

function sentences(part: object, prefix = ""): Entry[] {
  return entries(part, prefix).filter((entry): entry is Entry => typeof entry[1] === "string");
}

/** The sentences that something is put into, with something put into them. */
function filled(part: object): Entry[] {
  return entries(part, "").flatMap(([path, value]): Entry[] =>
    typeof value === "function" && !COUNTED.includes(path)
      ? [[path, String((value as (...args: string[]) => string)("«one»", "«two»"))]]
      : [],
  );
}

const COUNTED = ["call.participants", "call.pausedCount", "chat.unread", "meeting.knock"];

function entries(part: object, prefix: string): [string, unknown][] {
  return Object.entries(part).flatMap(([key, value]: [string, unknown]): [string, unknown][] =>
    typeof value === "object" && value !== null ? entries(value, `${prefix}${key}.`) : [[prefix + key, value]],
  );
}
