import type { Page } from "./model";

/** Returns the title of the window: the room's name comes first, where a narrow tab shows it. */
export function titleOf(page: Page): string {
  return page.page === "landing" ? "Allo" : `${page.room} · Allo`;
}
