/** What this browser remembers. It never leaves the browser, except the name, which joining a room tells. */

import type { CameraCodec } from "../webrtc/types";

/** In the order of their own names. */
export const LANGUAGES = ["de", "en", "es", "fr", "it", "pt"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Those of the world's languages, as far as they may become the page's, that are written from the right. */
const FROM_THE_RIGHT = ["ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"];

export const directionOf = (language: string): "ltr" | "rtl" =>
  FROM_THE_RIGHT.includes(language.split("-")[0] ?? "") ? "rtl" : "ltr";

export type Theme = "auto" | "light" | "dark";
export const THEMES: readonly Theme[] = ["auto", "light", "dark"];

export type DeviceKind = "mic" | "cam" | "speaker";

/** What is seen behind oneself. */
export type Background = "none" | "blur" | "picture";
export const BACKGROUNDS: readonly Background[] = ["none", "blur", "picture"];

/** What the camera's picture may be encoded in, the one that everybody can decode first. */
export const CODECS: readonly CameraCodec[] = ["vp8", "vp9", "av1"];

export type Settings = {
  readonly displayName: string;
  /** `null`: follow the browser's languages. */
  readonly language: Language | null;
  readonly theme: Theme;
  /** The devices that were chosen by hand, by id. */
  readonly chosen: Readonly<Record<DeviceKind, string | null>>;
  /** Latest first. */
  readonly recentRooms: readonly string[];
  readonly letterShortcuts: boolean;
  /** Whether who comes, raises a hand or writes is heard. */
  readonly sounds: boolean;
  /** Shows no pictures of others, and asks the server for none. */
  readonly audioOnly: boolean;
  /** Asks for small pictures only, and sends a small one. */
  readonly dataSaver: boolean;
  /** Takes more noise out of the own sound than the browser does. */
  readonly noiseFilter: boolean;
  readonly background: Background;
  /** What the camera's picture is sent in, as far as others can decode that. */
  readonly codec: CameraCodec;
};

export const DEFAULT_SETTINGS: Settings = {
  displayName: "",
  language: null,
  theme: "auto",
  chosen: { mic: null, cam: null, speaker: null },
  recentRooms: [],
  letterShortcuts: true,
  sounds: true,
  audioOnly: false,
  dataSaver: false,
  noiseFilter: false,
  background: "none",
  codec: "vp8",
};

/** Enough for anyone's habits; the room longest unused is forgotten beyond it. */
const MAX_RECENT_ROOMS = 8;

/** As the server's default: a longer name would be cut there. */
export const MAX_NAME_LENGTH = 64;

/** Reads settings from what was stored, whatever that is: each part that is not as expected takes its default. */
export function parseSettings(stored: unknown): Settings {
  if (!isObject(stored)) return DEFAULT_SETTINGS;
  const chosen = isObject(stored["chosen"]) ? stored["chosen"] : {};
  const rooms = Array.isArray(stored["recentRooms"]) ? stored["recentRooms"] : [];
  return {
    displayName: text(stored["displayName"])?.slice(0, MAX_NAME_LENGTH) ?? "",
    language: LANGUAGES.find((language) => language === stored["language"]) ?? null,
    theme: THEMES.find((theme) => theme === stored["theme"]) ?? "auto",
    chosen: { mic: text(chosen["mic"]), cam: text(chosen["cam"]), speaker: text(chosen["speaker"]) },
    recentRooms: rooms.filter((room) => typeof room === "string").slice(0, MAX_RECENT_ROOMS),
    letterShortcuts: stored["letterShortcuts"] !== false,
    sounds: stored["sounds"] !== false,
    audioOnly: stored["audioOnly"] === true,
    dataSaver: stored["dataSaver"] === true,
    noiseFilter: stored["noiseFilter"] === true,
    background: BACKGROUNDS.find((background) => background === stored["background"]) ?? "none",
    codec: CODECS.find((codec) => codec === stored["codec"]) ?? "vp8",
  };
}

/** Returns `settings` with `room` as the latest. */
export function rememberRoom(settings: Settings, room: string): Settings {
  const others = settings.recentRooms.filter((other) => other !== room);
  return { ...settings, recentRooms: [room, ...others].slice(0, MAX_RECENT_ROOMS) };
}

/** Returns `settings` without `room`. */
export function forgetRoom(settings: Settings, room: string): Settings {
  return { ...settings, recentRooms: settings.recentRooms.filter((other) => other !== room) };
}

/** Returns the language to speak: the one chosen by hand, else the first of the browser's that there is. */
export function languageFor(chosen: Language | null, preferred: readonly string[]): Language {
  if (chosen !== null) return chosen;
  for (const tag of preferred) {
    const primary = tag.toLowerCase().split("-")[0];
    const known = LANGUAGES.find((language) => language === primary);
    if (known !== undefined) return known;
  }
  return "en";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
