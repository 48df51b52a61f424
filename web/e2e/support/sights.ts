/** What somebody sees of somebody else over time, and by how much the machine was late meanwhile. */

import type { Page } from "@playwright/test";

export type Sight = { readonly what: "there" | "reconnecting" | "gone"; readonly at: number };

/** Begins to write down what the tile of `name` shows. Returns how to read it. */
export async function follow(page: Page, name: string): Promise<() => Promise<readonly Sight[]>> {
  const sights = await page.evaluateHandle((wanted) => {
    const seen: Sight[] = [];
    const tile = (): Element | undefined =>
      [...document.querySelectorAll("[aria-label=People] > li")].find((it) => it.textContent.includes(wanted));
    const look = (): void => {
      const text = tile()?.textContent;
      const what = text === undefined ? "gone" : text.includes("Reconnecting…") ? "reconnecting" : "there";
      if (seen.at(-1)?.what !== what) seen.push({ what, at: Date.now() });
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
    look();
    return seen;
  }, name);
  return () => sights.jsonValue();
}

/** What a page has heard of its server's clock. */
export type Pulse = {
  /** By how many milliseconds the server's most belated ping came late. */
  readonly lateness: () => number;
};

/**
 * Listens to the pings, which come at an even pace unless the machine has no time: what is late by as much is so for the
 * same reason. To be called before the page is opened.
 */
export function feelPulse(page: Page): Pulse {
  let interval = 0;
  let before: number | null = null;
  let worst = 0;
  const hear = (message: { readonly type: string; readonly limits?: { readonly pingIntervalMs: number } }): void => {
    if (message.limits !== undefined) interval = message.limits.pingIntervalMs;
    if (message.type !== "ping") return;
    if (before !== null) worst = Math.max(worst, Date.now() - before - interval);
    before = Date.now();
  };
  page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => hear(JSON.parse(String(payload)))));
  return { lateness: () => worst };
}
