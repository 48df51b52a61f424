/** Watches a page for errors, for violations of the server's policy, and for requests to anybody else. */

import type { Page } from "@playwright/test";

/** Returns a list that fills with what the page does wrong. */
export async function watch(page: Page): Promise<readonly string[]> {
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const { protocol, hostname, href } = new URL(request.url());
    if (protocol !== "blob:" && hostname !== "localhost") faults.push(`request to somebody else: ${href}`);
  });
  page.on("console", (message) => {
    if (message.text().startsWith(VIOLATION)) faults.push(message.text());
  });
  await page.addInitScript((violation) => {
    addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sample }) =>
      console.error(violation, effectiveDirective, blockedURI, sample),
    );
  }, VIOLATION);
  return faults;
}

const VIOLATION = "policy violated:";
