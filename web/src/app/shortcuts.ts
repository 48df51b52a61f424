/** The keyboard shortcuts. This one table drives the handler, the tooltips, `aria-keyshortcuts` and the help. */

import type { Message } from "./message";
import type { Model } from "./model";

export type ShortcutAction =
  | "toggleMic"
  | "toggleCam"
  | "toggleScreen"
  | "toggleHand"
  | "toggleChat"
  | "togglePeople"
  | "toggleLayout"
  | "previousPage"
  | "nextPage"
  | "fullScreen"
  | "copyLink"
  | "diagnostics"
  | "shortcuts";

/** One way to press a shortcut. `mod` is Ctrl, or ⌘ on Apple's keyboards. */
export type KeyPress = { readonly key: string; readonly mod: boolean };

export type Shortcut = {
  readonly action: ShortcutAction;
  readonly presses: readonly KeyPress[];
  readonly message: Message;
};

export const SHORTCUTS: readonly Shortcut[] = [
  { action: "toggleMic", presses: [letter("m"), withMod("d")], message: { type: "toggledMic" } },
  { action: "toggleCam", presses: [letter("v"), withMod("e")], message: { type: "toggledCam" } },
  { action: "toggleScreen", presses: [letter("s")], message: { type: "toggledScreen" } },
  { action: "toggleHand", presses: [letter("h")], message: { type: "toggledHand" } },
  { action: "toggleChat", presses: [letter("c")], message: { type: "toggledPanel", panel: "chat" } },
  { action: "togglePeople", presses: [letter("p")], message: { type: "toggledPanel", panel: "people" } },
  { action: "toggleLayout", presses: [letter("g")], message: { type: "toggledLayout" } },
  { action: "previousPage", presses: [letter("pageup")], message: { type: "turnedPage", by: -1 } },
  { action: "nextPage", presses: [letter("pagedown")], message: { type: "turnedPage", by: 1 } },
  { action: "fullScreen", presses: [letter("f")], message: { type: "toggledFullScreen" } },
  { action: "copyLink", presses: [letter("l")], message: { type: "clickedCopyLink" } },
  { action: "diagnostics", presses: [letter("i")], message: { type: "openedDialog", dialog: "diagnostics" } },
  { action: "shortcuts", presses: [letter("?")], message: { type: "openedDialog", dialog: "shortcuts" } },
];

/**
 * Returns what `press` means on the page that is shown, if anything. Single letters do nothing while somebody types,
 * and can be turned off altogether (WCAG 2.2, 2.1.4).
 */
export function meaningOf(press: KeyPress, isTyping: boolean, { page, dialog, settings }: Model): Message | null {
  if (dialog !== null || (page.page !== "preJoin" && page.page !== "room")) return null;
  if (!press.mod && (isTyping || !settings.letterShortcuts)) return null;
  const key = press.key.toLowerCase();
  const found = SHORTCUTS.find(({ presses }) => presses.some((each) => each.key === key && each.mod === press.mod));
  return found?.message ?? null;
}

/** Keys that are no letters, as people and `aria-keyshortcuts` call them. */
const NAMED: Readonly<Record<string, string>> = { pageup: "PageUp", pagedown: "PageDown" };

const keyName = (key: string): string => NAMED[key] ?? key.toUpperCase();

/** Returns the shortcut's presses as shown to people, such as `["M", "⌘D"]`. */
export function pressLabels(action: ShortcutAction, apple: boolean): string[] {
  return pressesOf(action).map(({ key, mod }) => (mod ? (apple ? "⌘" : "Ctrl+") : "") + keyName(key));
}

/** Returns the shortcut as `aria-keyshortcuts` wants it, such as `"M Control+D"`. */
export function ariaKeys(action: ShortcutAction, apple: boolean): string {
  return pressesOf(action)
    .map(({ key, mod }) => (mod ? (apple ? "Meta+" : "Control+") : "") + keyName(key))
    .join(" ");
}

function pressesOf(action: ShortcutAction): readonly KeyPress[] {
  return SHORTCUTS.find((shortcut) => shortcut.action === action)?.presses ?? [];
}

function letter(key: string): KeyPress {
  return { key, mod: false };
}

function withMod(key: string): KeyPress {
  return { key, mod: true };
}
