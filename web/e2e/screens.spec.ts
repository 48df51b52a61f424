/** Every screen, at the sizes of a desk and of a small telephone, light and dark: accessible, whole, and to be looked at. */

import { join } from "node:path";
import type { Page } from "@playwright/test";
import { bringAxe, expectAccessible } from "./support/axe";
import { enter, expectPeople, join as joinCall } from "./support/call";
import { pretend, type Pretended } from "./support/pretended";
import { expect, test } from "./support/test";
import { HOSTILE } from "../src/app/testing/hostile";

/** `cargo xtask screenshots` looks at a tablet's size, too. What is wrong at that size only is rare. */
const SIZES = [
  { width: 1440, height: 900 },
  ...(process.env["ALLO_SCREENSHOTS"] === undefined ? [] : [{ width: 820, height: 1180 }]),
  { width: 360, height: 640 },
];

/** Looks at what is on the page in every size and scheme. */
async function lookAt(page: Page, name: string, kind: string): Promise<void> {
  // Firefox over BiDi cannot be told the scheme: it is looked at in its own.
  const schemes = kind === "chromium" ? (["light", "dark"] as const) : [null];
  for (const size of SIZES) {
    await page.setViewportSize(size);
    for (const scheme of schemes) {
      if (scheme !== null) await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      const what = `${name}-${size.width}x${size.height}-${scheme ?? "own"}`;
      await settled(page);
      await expectAccessible(page, what);
      expect(await cutOff(page), `${what} is cut off`).toEqual([]);
      if (scheme !== null)
        await page.screenshot({
          path: join(test.info().project.outputDir, "screens", `${what}.png`),
          caret: "initial",
        });
    }
  }
}

/** Waits until nothing moves any more. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await new Promise(requestAnimationFrame);
    const ends = document.getAnimations().filter((animation) => animation.effect?.getTiming().iterations !== Infinity);
    await Promise.allSettled(ends.map((animation) => animation.finished));
  });
}

/** Names what people need and cannot reach, because it is beyond the page's left or right edge. */
function cutOff(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    const isReachable = (element: Element): boolean => element.closest("[role=region], .hidden-text") === null;
    return [...document.querySelectorAll("h1, h2, p, label, input, select, button")]
      .filter((element) => element.checkVisibility() && isReachable(element))
      .filter((element) => {
        const { left, right } = element.getBoundingClientRect();
        return left < 0 || right > document.documentElement.clientWidth;
      })
      .map((element) => `${element.tagName} ${element.textContent}`);
  });
}

test("the start page", async ({ open, kind }) => {
  const page = await open("/", { before: bringAxe });
  await lookAt(page, "landing", kind);

  await page.evaluate(() =>
    localStorage.setItem("allo.settings", JSON.stringify({ recentRooms: ["family", "sunday-lunch", "kitchen-table"] })),
  );
  await page.reload();
  await page.getByLabel("Name a room").fill("a/b");
  await page.getByLabel("Name a room").press("Enter");
  await expect(page.getByText("A room name is made of letters")).toBeVisible();
  await lookAt(page, "landing-recent", kind);
});

test("before joining", async ({ open, room, kind }) => {
  const page = await open(`/${room}`, { before: bringAxe });
  await lookAt(page, "prejoin", kind);
  await page.getByRole("button", { name: "Turn on camera and microphone" }).click();
  await expect(page.getByRole("meter")).toBeVisible();
  await page.getByLabel("Your name").fill("Ada Lovelace");
  await lookAt(page, "prejoin-on", kind);
});

test("a refused device", async ({ open, room, kind, launchOwn }) => {
  const page = await open(`/${room}`, { own: await launchOwn(kind, { devices: "refused" }), before: bringAxe });
  await page.getByRole("button", { name: "Turn on camera and microphone" }).click();
  await expect(page.getByText("The browser does not allow it.")).toHaveCount(2);
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await expect(page.getByLabel("Your name")).toBeFocused();
  await lookAt(page, "prejoin-refused", kind);
});

test("the call, its menu and its dialogs", async ({ open, room, kind }) => {
  test.setTimeout(150_000);
  const page = await open(`/${room}`, { before: bringAxe });
  await joinCall(page, "Ada Lovelace");
  await lookAt(page, "call-alone", kind);

  const other = await open(`/${room}`);
  await joinCall(other, "Grace Hopper");
  await expectPeople(page, ["Grace Hopper"]);
  await lookAt(page, "call-two", kind);

  await other.getByRole("button", { name: "Turn camera off" }).click();
  await other.getByRole("button", { name: "Mute microphone" }).click();
  await expect(page.getByText("GH", { exact: true })).toBeVisible();
  await lookAt(page, "call-two-off", kind);

  const third = await open(`/${room}`);
  await enter(third, "Alan");
  await expectPeople(page, ["Grace Hopper", "Alan"]);
  await expect(page.getByText("Connecting…")).toHaveCount(0);
  await lookAt(page, "call-three", kind);

  await page.getByRole("button", { name: "More" }).click();
  await lookAt(page, "menu", kind);
  for (const entry of ["Layout", "Settings", "Camera and sound", "Diagnostics", "Keyboard shortcuts"]) {
    if (!(await page.locator("#more").isVisible())) await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("button", { name: entry, exact: true }).click();
    const dialog = page.getByRole("dialog", { name: entry });
    await expect(dialog).toBeVisible();
    if (entry === "Diagnostics") await expect(dialog.getByRole("row", { name: /Grace.*connected/ })).toBeVisible();
    await lookAt(page, entry.toLowerCase().replaceAll(" ", "-"), kind);
    await dialog.getByRole("button", { name: "Close" }).click();
    await expect(dialog).toHaveCount(0);
  }

  await page.getByRole("button", { name: "Leave", exact: true }).click();
  await expect(page.getByRole("heading", { name: "You have left the call" })).toBeVisible();
  await lookAt(page, "left", kind);
});

test("the meeting: its panels and its dialogs", async ({ open, room, kind }) => {
  test.setTimeout(150_000);
  // First, so that the window in front is the other's.
  const other = await open(`/${room}`);
  await enter(other, "Grace Hopper");
  let server: Pretended | undefined;
  const page = await open(`/${room}`, {
    before: async (it) => {
      await bringAxe(it);
      server = await pretend(it, (person) =>
        person.displayName === "Ada Lovelace"
          ? { ...person, role: "owner" }
          : { ...person, role: "moderator", hand: 4 },
      );
    },
  });
  await enter(page, "Ada Lovelace");
  await expectPeople(page, ["Grace Hopper"]);

  const [grace = "", ada = ""] = server!.people().map(({ id }) => id);
  const written = (id: number, text: string) => ({ id, from: grace, displayName: "Grace Hopper", text, ageS: 90 - id });
  server!.say({
    type: "chatHistory",
    messages: [
      written(1, "Good morning! The notes are at https://example.org/notes?day=1."),
      ...HOSTILE.map((text, index) => written(10 + index, text)),
      { ...written(80, "A word for you alone."), to: ada },
    ],
  });
  server!.say({ type: "chat", message: written(90, "Shall we begin?") });
  server!.say({
    type: "knocking",
    people: [
      { id: "k1", displayName: "Edsger" },
      { id: "k2", displayName: HOSTILE[1]! },
    ],
  });
  await expect(page.getByRole("button", { name: "Chat: 1 unread message" })).toBeVisible();
  await lookAt(page, "meeting", kind);

  await page.keyboard.press("c");
  const chat = page.getByRole("complementary", { name: "Chat" });
  await expect(chat.getByLabel("Message")).toBeFocused();
  for (const text of HOSTILE) await expect(chat.getByText(text, { exact: true })).toBeAttached();
  for (const href of await chat.getByRole("link").evaluateAll((links) => links.map((it) => it.getAttribute("href"))))
    expect(href).toMatch(/^https:/u);
  expect(await page.evaluate(() => "pwned" in window)).toBe(false);
  expect(await page.locator("iframe, script:not([src]), svg[onload], img").count()).toBe(0);
  await lookAt(page, "chat", kind);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Chat", exact: true })).toBeFocused();

  await page.keyboard.press("p");
  const people = page.getByRole("complementary", { name: "People" });
  await expect(people.getByRole("searchbox")).toBeFocused();
  await people.getByRole("button", { name: "What to do about Grace Hopper" }).press("Enter");
  await lookAt(page, "people", kind);
  for (const [entry, title] of [
    ["Manage the meeting", "Manage the meeting"],
    ["Rename", "Rename Grace Hopper"],
    ["Ban from this meeting", "Ban Grace Hopper from this meeting?"],
  ] as const) {
    await people.getByRole("button", { name: entry }).press("Enter");
    const dialog = page.getByRole("dialog", { name: title });
    await expect(dialog).toBeVisible();
    await lookAt(page, entry.toLowerCase().replaceAll(" ", "-"), kind);
    await page.keyboard.press("Escape");
    await expect(dialog).toHaveCount(0);
  }
});

test("before a locked door", async ({ open, room, kind }) => {
  const page = await open(`/${room}`, {
    before: async (it) => {
      await bringAxe(it);
      // The real server's snapshot is kept back: somebody who waits is told nothing.
      await it.routeWebSocket(/\/ws$/u, (toPage) => {
        const toServer = toPage.connectToServer();
        toServer.onMessage((text) => {
          if (String(text).includes('"snapshot"')) toPage.send(JSON.stringify({ type: "waiting", room }));
          else toPage.send(text);
        });
      });
    },
  });
  await page.getByLabel("Your name").fill("Edsger");
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await expect(page.getByRole("heading", { name: "You are waiting to be let in" })).toBeVisible();
  await lookAt(page, "waiting", kind);
});

test("in French", async ({ open, room, kind }) => {
  const page = await open(`/${room}`, { before: bringAxe, locale: "fr-FR" });
  await expect(page.locator("html")).toHaveAttribute("lang", "fr");
  await expect(page.getByRole("button", { name: "Entrer", exact: true })).toBeVisible();
  await lookAt(page, "prejoin-french", kind);

  await page.getByLabel("Langue").selectOption("English");
  await expect(page.locator("html")).toHaveAttribute("lang", "en");
  await page.reload();
  await expect(page.getByRole("button", { name: "Join", exact: true })).toBeVisible();
});

/** Names pairs of controls that lie upon each other. */
function overlapping(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    const top = document.querySelector("dialog[open]") ?? document.querySelector("aside") ?? document.body;
    const controls = [...top.querySelectorAll("button, input, select, textarea")].filter((it) => it.checkVisibility());
    const boxes = controls.map((it) => ({
      name: it.getAttribute("aria-label") ?? it.id,
      box: it.getBoundingClientRect(),
    }));
    const isUpon = (one: DOMRect, other: DOMRect): boolean =>
      Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1 &&
      Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 1;
    return boxes.flatMap((one, index) =>
      boxes.slice(index + 1).flatMap((other) => (isUpon(one.box, other.box) ? [`${one.name} and ${other.name}`] : [])),
    );
  });
}

// No dictionary is written from the right yet, and the page is ready for one: English words, set as if it were.
test("written from the right", async ({ open, room, kind }) => {
  test.setTimeout(120_000);
  const page = await open("/", { before: bringAxe });
  const turn = () => page.evaluate(() => (document.documentElement.dir = "rtl"));
  const look = async (name: string): Promise<void> => {
    await lookAt(page, `rtl-${name}`, kind);
    expect(await overlapping(page), name).toEqual([]);
  };
  await turn();
  await look("landing");
  await page.goto(new URL(`/${room}`, page.url()).href);
  await turn();
  await look("prejoin");
  await enter(page, "Ada Lovelace");
  const other = await open(`/${room}`);
  await enter(other, "Grace Hopper");
  await expectPeople(page, ["Grace Hopper"]);
  await page.keyboard.press("c");
  await page.getByLabel("Message").fill("Good morning");
  await page.getByLabel("Message").press("Enter");
  await expect(page.getByText("Good morning")).toBeVisible();
  await look("chat");
  await page.getByLabel("Message").press("Escape");
  await page.keyboard.press("p");
  await page.getByRole("button", { name: "What to do about Grace Hopper" }).click();
  await look("people");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("button", { name: "Camera and sound" }).click();
  await expect(page.getByRole("dialog", { name: "Camera and sound" })).toBeVisible();
  await look("devices");
});
