/** What the browser's tab tells of the page while another one is in front. */

import type { Model, RoomPage } from "./model";

/** Returns the title of the window: what matters comes first, where a narrow tab shows it. */
export function titleOf({ page }: Model): string {
  if (!("room" in page)) return "Allo";
  return `${page.page === "room" ? signs(page) : ""}${page.room} · Allo`;
}

function signs(page: RoomPage): string {
  const unread = page.chat.unread > 0 ? `(${page.chat.unread}) ` : "";
  const hand = page.people.some(({ id, hand }) => id !== page.self && hand !== undefined) ? "✋ " : "";
  const knock = page.knocking.length > 0 ? "🚪 " : "";
  return unread + knock + hand + (page.own.mic.state === "on" ? "● " : "");
}

/** `live`: what is said here is heard by others. */
export type TabIcon = "plain" | "live" | "muted";

export function tabIconOf({ page }: Model): TabIcon {
  if (page.page !== "room") return "plain";
  return page.own.mic.state === "on" ? "live" : "muted";
}
