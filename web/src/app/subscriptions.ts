/** What the page listens to, beyond what it always does, as a function of what it shows. */

import type { Model } from "./model";

/** `levels`: loudness ten times a second. `stats`: numbers of every link, once a second. */
export type Subscription = "levels" | "stats";

export function subscriptions({ page, pageHidden, dialog }: Model): readonly Subscription[] {
  const wanted: Subscription[] = [];
  const isListening = page.page === "room" || (page.page === "preJoin" && page.own.mic.state === "on");
  if (isListening && !pageHidden) wanted.push("levels");
  if (page.page === "room" && dialog === "diagnostics" && !pageHidden) wanted.push("stats");
  return wanted;
}
