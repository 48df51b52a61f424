/** What buttons and entries of menus are made of. */

import type Activity from "@lucide/svelte/icons/activity";
import type { Message } from "../app/message";
import type { ShortcutAction } from "../app/shortcuts";

export type View = {
  readonly action: ShortcutAction;
  readonly label: string;
  readonly icon: typeof Activity;
  readonly tone?: "plain" | "off";
  readonly message: Message;
};
