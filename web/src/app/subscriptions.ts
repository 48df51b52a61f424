/** What the page listens to, beyond what it always does, as a function of what it shows. */

import type { Model } from "./model";

/**
 * `levels`: loudness ten times a second. `stats`: numbers of every connection, once a second; `quality`: now and then.
 * `wakeLock`: the screen stays on.
 */
export type Subscription = "levels" | "stats" | "quality" | "wakeLock";

export function subscriptions({ page, pageHidden, isFloating, dialog }: Model): readonly Subscription[] {
  const wanted: Subscription[] = [];
  const isListening = page.page === "room" || ("own" in page && page.own.mic.state === "on");
  if (isListening && (!pageHidden || isFloating)) wanted.push("levels");
  const isStudying = dialog === "diagnostics" || dialog === "connection";
  if (page.page === "room" && !pageHidden) wanted.push(isStudying ? "stats" : "quality", "wakeLock");
  return wanted;
}
