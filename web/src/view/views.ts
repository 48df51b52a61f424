/** What buttons and entries of menus are made of. */

import type Activity from "@lucide/svelte/icons/activity";
import type { Message } from "../app/message";
import type { ShortcutAction } from "../app/shortcuts";

export type View = {
  readonly action: ShortcutAction;
  /** For whatever brings the focus back to it. */
  readonly id?: { readonly id: string };
  readonly label: string;
  readonly icon: typeof Activity;
  readonly tone?: "plain" | "off";
  readonly message: Message;
};
