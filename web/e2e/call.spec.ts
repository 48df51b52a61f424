/** Calls between browsers, against the real server. */

import type { Page } from "@playwright/test";
import type { BrowserKind } from "./support/browsers";
import { enter, expectInCall, expectPeople, join, received, tile } from "./support/call";
import { sendRobots } from "./support/robots";
import { expect, test } from "./support/test";
import { layWire } from "./support/wire";

const PAIRS: readonly (readonly [BrowserKind, BrowserKind])[] = [
  ["chromium", "chromium"],
  ["chromium", "firefox"],
];

for (const [first, second] of PAIRS) {
  test(`${first} and ${second} see and hear each other`, async ({ open, room }) => {
    const ada = await open(`/${room}`, { kind: first });
    await join(ada, "Ada");
    const grace = await open(`/${room}`, { kind: second });
    await join(grace, "Grace");

    await expectPeople(ada, ["Grace"]);
    await expectPeople(grace, ["Ada"]);
    await expectInCall(ada, 1);
    await expectInCall(grace, 1);
  });
}

test("who leaves is gone, and can come back", async ({ open, room }) => {
  const ada = await open(`/${room}`);
  await join(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  await expectInCall(ada, 1);

  await grace.getByRole("button", { name: "Leave", exact: true }).click();
  await expect(grace.getByRole("heading", { name: "You have left the call" })).toBeVisible();
  await expectPeople(ada, []);
  expect(await capturing(grace), "devices still open after leaving").toBe(0);

  await grace.getByRole("button", { name: "Rejoin" }).click();
  await expectPeople(grace, ["Ada"]);
  await expectPeople(ada, ["Grace"]);
  await expectInCall(ada, 1);
  await expectInCall(grace, 1);
});

test("a call goes on while the server is out of reach for 20 s", async ({ open, room, server }) => {
  test.setTimeout(120_000);
  const wire = await layWire(server.port);
  const ada = await open(`/${room}`);
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { origin: wire.origin });
  await join(grace, "Grace");
  await expectInCall(ada, 1);
  await expectInCall(grace, 1);

  wire.cut();
  await expect(grace.getByText("The server is out of reach. The call goes on")).toBeVisible();
  // Ten looks of two seconds: the pictures and the sound never stop, and nobody is gone.
  for (let look = 0; look < 10; look += 1) {
    const [fromGrace, fromAda] = await Promise.all([received(ada, 2000), received(grace, 2000)]);
    for (const media of [fromGrace, fromAda]) {
      expect(media).toHaveLength(1);
      expect(media[0]?.frames).toBeGreaterThan(0);
      expect(media[0]?.energy).toBeGreaterThan(0);
    }
    await expectPeople(ada, ["Grace"]);
    await expectPeople(grace, ["Ada"]);
  }

  wire.mend();
  await expect(grace.getByText("The server is out of reach.")).toHaveCount(0);
  await expect(tile(ada, "Grace").getByText("Reconnecting…")).toHaveCount(0);
  await grace.getByRole("button", { name: "Mute microphone" }).click();
  await expect(tile(ada, "Grace")).toContainText("muted");
  await expectPeople(ada, ["Grace"]);
  await wire.close();
});

test("muting and turning the camera off are seen by the others", async ({ open, room }) => {
  const ada = await open(`/${room}`);
  await join(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  await expectInCall(ada, 1);
  await expect(tile(ada, "Grace")).not.toContainText("muted");

  await grace.keyboard.press("m");
  await expect(tile(ada, "Grace")).toContainText("muted");
  await expect(async () => expect((await received(ada, 1000))[0]?.energy).toBeLessThan(1e-6)).toPass();

  await grace.keyboard.press("v");
  await expect(tile(ada, "Grace").locator("video")).toBeHidden();
  await expect(tile(ada, "Grace").getByText("G", { exact: true })).toBeVisible();

  await grace.keyboard.press("m");
  await grace.keyboard.press("v");
  await expect(tile(ada, "Grace").locator("video")).toBeVisible();
  await expect(tile(ada, "Grace")).not.toContainText("muted");
  await expectInCall(ada, 1);
});

test("who comes late sees everybody, and no tile's video is made anew", async ({ open, room }) => {
  const ada = await open(`/${room}`);
  await join(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  await expectInCall(ada, 1);
  const before = await tile(ada, "Grace").locator("video").elementHandle();

  const alan = await open(`/${room}`);
  await join(alan, "Alan");
  await expectPeople(alan, ["Ada", "Grace"]);
  await expectPeople(ada, ["Grace", "Alan"]);
  await expectInCall(alan, 2);
  await expectInCall(ada, 2);
  const isSame = await tile(ada, "Grace")
    .locator("video")
    .evaluate((video, former) => video === former, before);
  expect(isSame).toBe(true);
});

test("two browsers and two robots are four in the grid, and all are seen and heard", async ({ open, room, server }) => {
  test.setTimeout(120_000);
  // Directly: through the server only the loudest few are heard.
  const ada = await open(`/${room}?topology=mesh`, { viewport: { width: 1280, height: 800 } });
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { kind: "firefox" });
  await join(grace, "Grace");
  const robots = await sendRobots(`${server.origin}/${room}`, 2);

  await expectPeople(ada, ["Grace", "Robot 1", "Robot 2"]);
  await expectInCall(ada, 3);
  await expectInCall(grace, 3);
  await expectGrid(ada, 4);
  await ada.screenshot({ path: test.info().outputPath("four.png") });

  await robots.leave();
  await expectPeople(ada, ["Grace"]);
  await expectPeople(grace, ["Ada"]);
});

test("two rooms do not mix", async ({ open, room }) => {
  const ada = await open(`/${room}-one`);
  await join(ada, "Ada");
  const grace = await open(`/${room}-one`);
  await join(grace, "Grace");
  const alan = await open(`/${room}-two`);
  await join(alan, "Alan");

  await expectInCall(ada, 1);
  await expectPeople(ada, ["Grace"]);
  await expectPeople(grace, ["Ada"]);
  await expectPeople(alan, []);
  await expect(alan.getByText("You are the only one here")).toBeVisible();
});

test("a second tab of the same person takes the call over", async ({ open, room }) => {
  const ada = await open(`/${room}`);
  await join(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  await expectInCall(ada, 1);

  // A window opened by the page has a copy of its session, as a duplicated tab has.
  const [second] = await Promise.all([
    grace.waitForEvent("popup"),
    grace.evaluate(() => void window.open(location.href)),
  ]);
  await join(second, "Grace");

  await expect(grace.getByText("This call was opened elsewhere")).toBeVisible();
  expect(await capturing(grace), "devices still open in the first tab").toBe(0);
  await expectPeople(ada, ["Grace"]);
  await expectPeople(second, ["Ada"]);
  await expectInCall(ada, 1);
});

test("joining with neither camera nor microphone works, and so does turning them on later", async ({ open, room }) => {
  const ada = await open(`/${room}`);
  await join(ada, "Ada");
  const grace = await open(`/${room}`);
  await enter(grace, "Grace");
  await expectInCall(grace, 1);
  await expect(tile(ada, "Grace")).toContainText("muted");

  await grace.getByRole("button", { name: "Turn camera on" }).click();
  await grace.getByRole("button", { name: "Unmute microphone" }).click();
  await expectInCall(ada, 1);
});

test("the own picture can be moved to another corner by pointer and by keyboard", async ({ open, room }) => {
  const ada = await open(`/${room}`);
  await join(ada, "Ada");
  const grace = await open(`/${room}`);
  await enter(grace, "Grace");
  await expectPeople(ada, ["Grace"]);
  const inset = tile(ada, "You");
  const corner = async (): Promise<string> => {
    const box = (await inset.boundingBox())!;
    const stage = (await ada.getByRole("list", { name: "People" }).boundingBox())!;
    const isLeft = box.x - stage.x < stage.width / 2;
    const isTop = box.y - stage.y < stage.height / 2;
    return `${isTop ? "top" : "bottom"} ${isLeft ? "left" : "right"}`;
  };
  await expect.poll(corner).toBe("bottom right");

  const box = (await inset.boundingBox())!;
  await ada.mouse.move(box.x + 30, box.y + 30);
  await ada.mouse.down();
  await ada.mouse.move(200, 200, { steps: 8 });
  await ada.mouse.up();
  await expect.poll(corner).toBe("top left");

  await inset.getByRole("button", { name: /Move your picture/ }).press("ArrowRight");
  await expect.poll(corner).toBe("top right");
});

/** Equal tiles that do not overlap, each large enough to see somebody. */
async function expectGrid(page: Page, count: number): Promise<void> {
  const tiles = await page.getByRole("list", { name: "People" }).getByRole("listitem").all();
  const boxes = await Promise.all(tiles.map(async (it) => (await it.boundingBox())!));
  expect(boxes).toHaveLength(count);
  expect(new Set(boxes.map(({ width, height }) => `${Math.round(width)}×${Math.round(height)}`)).size).toBe(1);
  expect(new Set(boxes.map(({ x, y }) => `${Math.round(x)},${Math.round(y)}`)).size).toBe(count);
  for (const { width } of boxes) expect(width).toBeGreaterThan(page.viewportSize()!.width / 3);
}

/** How many of the page's own devices are open. */
function capturing(page: Page): Promise<number> {
  return page.evaluate(() => {
    const { captured = [] } = window as Window & { captured?: MediaStreamTrack[] };
    return captured.filter((track) => track.readyState === "live").length;
  });
}
