/** The words of the page of diagnostics in every language. They come with that page. */

import type { Language } from "../../settings";
import { de } from "./de";
import { en, type CheckupWords } from "./en";
import { es } from "./es";
import { fr } from "./fr";
import { it } from "./it";
import { pt } from "./pt";

export const CHECKUP_WORDS: Readonly<Record<Language, CheckupWords>> = { de, en, es, fr, it, pt };
