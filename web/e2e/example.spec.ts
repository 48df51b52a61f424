/** The example page of the client library, as the development server gives it, against the real server. */

import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import { createServer, type ViteDevServer } from "vite";
import { expect, test } from "./support/test";

let vite: ViteDevServer;
let origin: string;

test.beforeAll(async ({ server }) => {
  const target = `http://localhost:${server.port}`;
  vite = await createServer({
    configFile: false,
    logLevel: "error",
    root: fileURLToPath(new URL("..", import.meta.url)),
    server: { host: "localhost", port: 0, hmr: false, proxy: { "/ws": { target, ws: true } } },
  });
  await vite.listen();
  origin = `http://localhost:${(vite.httpServer?.address() as AddressInfo).port}`;
});
test.afterAll(() => vite.close());

test("two people meet with the minimal client", async ({ open, room }) => {
  const [ada, grace] = [await enter("Ada"), await enter("Grace")];
  await expectMoving(ada);
  await expectMoving(grace);

  await grace.getByRole("button", { name: "Leave" }).click();
  await expect(ada.locator("#others video")).toHaveCount(0);

  await grace.getByRole("checkbox", { name: "Camera" }).check();
  await grace.getByRole("button", { name: "Join" }).click();
  await expectMoving(ada);

  async function enter(name: string): Promise<Page> {
    const page = await open("/examples/minimal.html", { origin });
    await page.getByLabel("Microphone").check();
    await page.getByLabel("Camera").check();
    await page.getByLabel("Room").fill(room);
    await page.getByLabel("Name").fill(name);
    await page.getByRole("button", { name: "Join" }).click();
    return page;
  }
});

/** The one other person is seen, and moves. */
async function expectMoving(page: Page): Promise<void> {
  const video = page.locator("#others video");
  await expect(video).toHaveCount(1);
  const shown = () => video.evaluate((it: HTMLVideoElement) => it.getVideoPlaybackQuality().totalVideoFrames);
  const before = await shown();
  await expect.poll(shown).toBeGreaterThan(before + 10);
}
