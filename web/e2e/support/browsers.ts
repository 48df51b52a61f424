/** The two browsers, with devices that are not real and flags that keep them at home. */

import { chromium, firefox, type Browser, type BrowserContextOptions, type LaunchOptions } from "@playwright/test";

export type BrowserKind = "chromium" | "firefox";

/** What a browser lets a page do. The first of each is for tests that are not about it. */
export type Habits = {
  /** Whether a page has the devices for the asking, or only after `permit`. */
  readonly devices?: "given" | "refused";
  /** Whether sound plays by itself, or waits for a touch. */
  readonly sound?: "plays" | "waits";
  /** Whether media may go by UDP. */
  readonly udp?: "open" | "blocked";
  /** Whether media may go by TLS whose certificate only the page accepts, as a person who was asked would. */
  readonly certificates?: "known" | "any";
  /** The proxy through which everything has to go, this machine's own addresses not left out. Chromium. */
  readonly proxy?: string;
  /** Whether media may go straight to where they are to go, or through a TURN server alone. Firefox. */
  readonly media?: "straight" | "relayed";
};

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
  "--use-fake-device-for-media-stream=fps=30,display-media-type=browser",
  // Several windows are open, and only one is in front: the others must go on as if they were, too.
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];

const FIREFOX_PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
};

const BLOCK = 2;
const BLOCK_AUDIBLE = 1;
const UNLESS_TOUCHED_THIS_INSTANT = 2;

export function launch(kind: BrowserKind): Promise<Browser> {
  return kind === "firefox" ? firefox.launch(firefoxOptions({})) : chromium.launch(chromiumOptions({}));
}

/** A browser that a test has for itself. */
export type OwnBrowser = {
  readonly browser: Browser;
  /** Ends every process of it at once, without a word to anybody. */
  readonly kill: () => Promise<void>;
};

export async function launchOwn(kind: BrowserKind, habits: Habits = {}): Promise<OwnBrowser> {
  const isFirefox = kind === "firefox";
  const type = isFirefox ? firefox : chromium;
  const server = await type.launchServer(isFirefox ? firefoxOptions(habits) : chromiumOptions(habits));
  return { browser: await type.connect(server.wsEndpoint()), kill: () => server.kill() };
}

function chromiumOptions(habits: Habits): LaunchOptions {
  const { devices = "given", sound = "plays", udp = "open", certificates = "known", proxy } = habits;
  const flags = [...CHROMIUM_FLAGS];
  // Without it Chromium asks as it asks people, and nobody is there to say yes.
  if (devices === "given") flags.push("--use-fake-ui-for-media-stream");
  if (sound === "waits") flags.push("--autoplay-policy=user-gesture-required");
  if (udp === "blocked") flags.push("--webrtc-ip-handling-policy=disable_non_proxied_udp");
  if (certificates === "any") flags.push("--ignore-certificate-errors");
  if (proxy !== undefined) flags.push(`--proxy-server=${proxy}`, "--proxy-bypass-list=<-loopback>");
  return { executablePath: CHROMIUM, args: flags };
}

function firefoxOptions({ devices = "given", sound = "plays", media = "straight" }: Habits): LaunchOptions {
  const permission =
    devices === "given"
      ? { "media.navigator.permission.disabled": true }
      : { "permissions.default.camera": BLOCK, "permissions.default.microphone": BLOCK };
  const autoplay =
    sound === "plays"
      ? { "media.autoplay.default": 0 }
      : { "media.autoplay.default": BLOCK_AUDIBLE, "media.autoplay.blocking_policy": UNLESS_TOUCHED_THIS_INSTANT };
  return {
    channel: "moz-firefox",
    executablePath: FIREFOX,
    firefoxUserPrefs: {
      ...FIREFOX_PREFERENCES,
      ...permission,
      ...autoplay,
      "media.peerconnection.ice.relay_only": media === "relayed",
    },
  };
}

/** Firefox over BiDi has no emulation of these, and must not be asked for any. */
export function contextOptions(kind: BrowserKind): BrowserContextOptions {
  const plain = { colorScheme: null, reducedMotion: null, forcedColors: null, contrast: null } as const;
  return { ignoreHTTPSErrors: true, locale: "en-GB", ...(kind === "firefox" ? plain : {}) };
}
