/** axe-core, run in the page by the browser's own back door: the server's policy would refuse the script. */

import axe from "axe-core";
import { expect, type Page } from "@playwright/test";

export async function bringAxe(page: Page): Promise<void> {
  await page.addInitScript({ content: axe.source });
}

/** Nothing that keeps people out: axe's two graver impacts. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  const violations = await page.evaluate(async () => {
    const { axe: inPage } = window as unknown as { axe: typeof axe };
    const results = await inPage.run(document, { resultTypes: ["violations"] });
    return results.violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`)}`);
  });
  expect(violations, what).toEqual([]);
}
