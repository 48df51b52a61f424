/** What the browser's tab tells of the page while another one is in front. */

import type { Model } from "./model";

/** Returns the title of the window: what matters comes first, where a narrow tab shows it. */
export function titleOf({ page }: Model): string {
  if (page.page === "landing") return "Allo";
  const live = page.page === "room" && page.own.mic.state === "on" ? "● " : "";
  return `${live}${page.room} · Allo`;
}

/** `live`: what is said here is heard by others. */
export type TabIcon = "plain" | "live" | "muted";

export function tabIconOf({ page }: Model): TabIcon {
  if (page.page !== "room") return "plain";
  return page.own.mic.state === "on" ? "live" : "muted";
}
