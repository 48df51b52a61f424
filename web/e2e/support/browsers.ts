/** The two browsers, with devices that are not real and flags that keep them at home. */

import { chromium, firefox, type Browser, type BrowserContextOptions } from "@playwright/test";

export type BrowserKind = "chromium" | "firefox";

const CHROMIUM = process.env["CHROMIUM_BIN"] ?? "/usr/bin/chromium";
const FIREFOX = process.env["FIREFOX_BIN"] ?? "/usr/bin/firefox-esr";

const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream=fps=30,display-media-type=browser",
  // Several windows are open, and only one is in front: the others must go on as if they were, too.
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];

const FIREFOX_PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.autoplay.default": 0,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
};

export function launch(kind: BrowserKind): Promise<Browser> {
  if (kind === "firefox") {
    return firefox.launch({
      channel: "moz-firefox",
      executablePath: FIREFOX,
      firefoxUserPrefs: FIREFOX_PREFERENCES,
    });
  }
  return chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
}

/** Firefox over BiDi has no emulation of these, and must not be asked for any. */
export function contextOptions(kind: BrowserKind): BrowserContextOptions {
  const plain = { colorScheme: null, reducedMotion: null, forcedColors: null, contrast: null } as const;
  return { ignoreHTTPSErrors: true, locale: "en-GB", ...(kind === "firefox" ? plain : {}) };
}
