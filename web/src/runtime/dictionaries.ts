/** The page's languages. English is part of the page; the others are fetched when they are wanted. */

import type { Language } from "../app/settings";
import { en, type Dictionary } from "../app/text/en";

const loaders: Record<Language, () => Promise<Dictionary>> = {
  de: async () => (await import("../app/text/de")).de,
  en: () => Promise.resolve(en),
  es: async () => (await import("../app/text/es")).es,
  it: async () => (await import("../app/text/it")).it,
  pt: async () => (await import("../app/text/pt")).pt,
  fr: async () => (await import("../app/text/fr")).fr,
};

const loaded = new Map<Language, Dictionary>([["en", en]]);

/** Makes `language` available. When it cannot be fetched, the page stays in the language it is in. */
export async function loadDictionary(language: Language): Promise<void> {
  loaded.set(language, await loaders[language]());
}

/** Returns the words of `language`, or English ones while they are not there. */
export function dictionary(language: Language): Dictionary {
  return loaded.get(language) ?? en;
}
