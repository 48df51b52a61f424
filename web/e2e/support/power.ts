/** What a person, or misfortune, does to Chromium from outside the page. Chromium only: Firefox has no such door. */

import type { Browser, Page } from "@playwright/test";

/** Gives a permission or takes it back, as the icon beside the address does. */
export async function setPermission(
  page: Page,
  name: "camera" | "microphone",
  setting: "granted" | "denied",
): Promise<void> {
  const cdp = await page.context().newCDPSession(page);
  const { targetInfo } = await cdp.send("Target.getTargetInfo");
  const { origin } = new URL(page.url());
  const context = targetInfo.browserContextId === undefined ? {} : { browserContextId: targetInfo.browserContextId };
  const browser = await page.context().browser()!.newBrowserCDPSession();
  await browser.send("Browser.setPermission", { permission: { name }, setting, origin, ...context });
}

/** The processes in which Chromium keeps its cameras, and its microphones and speakers. */
const SERVICES = { cameras: "video_capture.mojom.VideoCaptureService", sound: "audio.mojom.AudioService" } as const;

/** Takes the open devices away from a browser of the test's own: every track of theirs ends by itself. */
export async function breakDevices(browser: Browser, which: keyof typeof SERVICES): Promise<void> {
  const cdp = await browser.newBrowserCDPSession();
  const { processInfo } = await cdp.send("SystemInfo.getProcessInfo");
  const service = processInfo.find(({ type }) => type === SERVICES[which]);
  if (service === undefined)
    throw new Error(`no ${SERVICES[which]} among ${processInfo.map(({ type }) => type).join()}`);
  process.kill(service.id, "SIGKILL");
}
