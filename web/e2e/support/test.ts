/** The tests' own fixtures: a server, browsers, people who join. Every page is watched for what no page may do. */

import { test as base, expect, type Browser, type BrowserContextOptions, type Page } from "@playwright/test";
import { contextOptions, launch, launchOwn, type BrowserKind, type Habits, type OwnBrowser } from "./browsers";
import { startServer, type Server } from "./server";
import { watch } from "./watch";

export type Options = {
  /** The browser that a spec about one page runs in. */
  readonly kind: BrowserKind;
};

export type OpenOptions = BrowserContextOptions & {
  readonly kind?: BrowserKind;
  /** Instead of the one that the tests share. */
  readonly own?: OwnBrowser;
  /** Instead of the server's own: a wire's. */
  readonly origin?: string;
  /** Runs in the page before the page's own scripts. */
  readonly before?: (page: Page) => Promise<unknown>;
};

export type Open = (path: string, options?: OpenOptions) => Promise<Page>;

type Fixtures = Options & {
  /** A room that no other test is in. */
  readonly room: string;
  /** Opens a path of the server in a fresh context: another person's browser. */
  readonly open: Open;
  /** Launches a browser for this test alone, which may be killed. */
  readonly launchOwn: (kind: BrowserKind, habits?: Habits) => Promise<OwnBrowser>;
  /** Starts a server for this test alone, with settings of its own. */
  readonly serve: (flags: readonly string[]) => Promise<Server>;
};

type WorkerFixtures = {
  readonly server: Server;
  readonly browserOf: (kind: BrowserKind) => Promise<Browser>;
};

export const test = base.extend<Fixtures, WorkerFixtures>({
  kind: ["chromium", { option: true }],

  server: [
    async ({}, use) => {
      const server = await startServer();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],

  browserOf: [
    async ({}, use) => {
      const browsers = new Map<BrowserKind, Promise<Browser>>();
      await use((kind) => {
        const browser = browsers.get(kind) ?? launch(kind);
        browsers.set(kind, browser);
        return browser;
      });
      for (const browser of browsers.values()) await (await browser).close();
    },
    { scope: "worker" },
  ],

  room: async ({}, use, info) => {
    await use(`room-${info.testId.slice(-6)}-${info.repeatEachIndex}`);
  },

  open: async ({ browserOf, kind, server }, use) => {
    const opened: { readonly page: Page; readonly faults: readonly string[] }[] = [];
    await use(async (path, { kind: wanted = kind, own, origin = server.origin, before, ...options } = {}) => {
      const browser = own?.browser ?? (await browserOf(wanted));
      const context = await browser.newContext({ ...contextOptions(wanted), ...options });
      const page = await context.newPage();
      opened.push({ page, faults: await watch(page) });
      await before?.(page);
      await page.goto(origin + path);
      return page;
    });
    for (const { page, faults } of opened) {
      const wasKilled = page.context().browser()?.isConnected() === false;
      if (!wasKilled) await page.context().close();
      expect(faults, "what the page did that no page may do").toEqual([]);
    }
  },

  launchOwn: async ({}, use) => {
    const launched: OwnBrowser[] = [];
    await use(async (kind, habits) => {
      const own = await launchOwn(kind, habits);
      launched.push(own);
      return own;
    });
    for (const { kill } of launched) await kill();
  },

  serve: async ({}, use) => {
    const started: Server[] = [];
    await use(async (flags) => {
      const server = await startServer(flags);
      started.push(server);
      return server;
    });
    for (const { stop } of started) await stop();
  },
});

export { expect };
