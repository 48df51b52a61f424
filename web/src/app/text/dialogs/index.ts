/** The words of the larger dialogs in every language. They come with them. */

import type { Language } from "../../settings";
import { de } from "./de";
import { en, type DialogWords } from "./en";
import { es } from "./es";
import { fr } from "./fr";
import { it } from "./it";
import { pt } from "./pt";

export const DIALOG_WORDS: Readonly<Record<Language, DialogWords>> = { de, en, es, fr, it, pt };
