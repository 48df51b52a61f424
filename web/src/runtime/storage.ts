/** What this browser keeps between visits. Where storage is blocked, nothing is kept and nothing breaks. */

import { DEFAULT_SETTINGS, parseSettings, type Settings } from "../app/settings";

const KEY = "allo.settings";

export function loadSettings(): Settings {
  try {
    return parseSettings(JSON.parse(localStorage.getItem(KEY) ?? "null"));
  } catch {
    return DEFAULT_SETTINGS;
  }
}

export function saveSettings(settings: Settings): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // Private windows and full disks: the choice holds for this visit only.
  }
}
