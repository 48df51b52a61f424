/** A meeting, on what the others see of it: writing, hands, and who may come in and stay. */

import type { Page } from "@playwright/test";
import { enter, expectPeople, join, tile } from "./support/call";
import { expect, test } from "./support/test";

const chat = (page: Page) => page.getByRole("complementary", { name: "Chat" });
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

async function write(page: Page, text: string): Promise<void> {
  await chat(page).getByLabel("Message").fill(text);
  await page.keyboard.press("Enter");
}

test("what is written reaches everybody or one person, and those who come later", async ({ open, room }) => {
  const ada = await open(`/${room}`);
  await enter(ada, "Ada");
  const grace = await open(`/${room}`);
  await enter(grace, "Grace");
  await expectPeople(ada, ["Grace"]);

  await button(ada, "Chat").click();
  await write(ada, "Notes: https://example.org/a?b=1.");
  await expect(grace.getByText("Ada: Notes: https://example.org/a?b=1.")).toBeVisible();
  await expect(grace).toHaveTitle(/^\(1\) /u);
  await button(grace, "Chat: 1 unread message").click();
  await expect(chat(grace).getByRole("link")).toHaveAttribute("href", "https://example.org/a?b=1");
  await expect(grace).not.toHaveTitle(/^\(1\) /u);

  await chat(grace).getByLabel("To").selectOption("Ada");
  await write(grace, "between us");
  await expect(chat(ada).getByText("between us")).toBeVisible();
  await expect(chat(ada).getByText("only to you")).toBeVisible();

  const alan = await open(`/${room}`);
  await enter(alan, "Alan");
  await button(alan, "Chat").click();
  await expect(chat(alan).getByText("Notes:")).toBeVisible();
  await expect(chat(alan).getByText("between us")).toHaveCount(0);
});

test("a raised hand and a reaction are seen by the others", async ({ open, room }) => {
  const ada = await open(`/${room}`);
  await enter(ada, "Ada");
  const grace = await open(`/${room}`);
  await enter(grace, "Grace");
  await expectPeople(ada, ["Grace"]);

  await button(grace, "Raise hand").click();
  await expect(ada.getByText("Grace raises a hand")).toBeVisible();
  await expect(tile(ada, "Grace")).toContainText("Raised hand, number 1");
  await button(ada, "Reactions").click();
  await button(ada, "Applause").click();
  await expect(grace.getByText("Ada: Applause")).toBeAttached();
  await button(grace, "Lower hand").click();
  await expect(tile(ada, "Grace")).not.toContainText("Raised hand");
});

test("who talks unheard is told so, the tab says what is going on, and the screen stays awake", async ({
  open,
  room,
}) => {
  const ada = await open(`/${room}`, { before: talkAllTheTime });
  await join(ada, "Ada");
  const icon = ada.locator("link[rel=icon]");
  await expect(ada).toHaveTitle(`● ${room} · Allo`);
  await expect(icon).toHaveAttribute("href", "/favicon-live.svg");
  await expect.poll(() => ada.evaluate(() => Reflect.get(window, "locks") as unknown)).toEqual(["screen"]);
  await button(ada, "Mute microphone").click();
  await expect(ada.getByText("Nobody hears you: your microphone is off.")).toBeVisible();
  await expect(icon).toHaveAttribute("href", "/favicon-muted.svg");

  const grace = await open(`/${room}`);
  await enter(grace, "Grace");
  await button(grace, "Raise hand").click();
  await button(grace, "Chat").click();
  await write(grace, "Hello");
  await expect(ada).toHaveTitle(`(1) ✋ ${room} · Allo`);
});

/** Makes a microphone of which a tone comes, and notes what is to be kept awake. */
const talkAllTheTime = (page: Page): Promise<unknown> =>
  page.addInitScript(() => {
    const { mediaDevices, wakeLock } = navigator;
    const capture = mediaDevices.getUserMedia.bind(mediaDevices);
    mediaDevices.getUserMedia = async (constraints) => {
      if (!constraints?.audio) return capture(constraints);
      const context = new AudioContext();
      const [tone, out] = [context.createOscillator(), context.createMediaStreamDestination()];
      tone.connect(out);
      tone.start();
      return out.stream;
    };
    const locks: unknown[] = [];
    Object.assign(window, { locks });
    const request = wakeLock.request.bind(wakeLock);
    wakeLock.request = (kind) => {
      locks.push(kind);
      return request(kind);
    };
  });

test("whoever opened the room lets people in, mutes them, and puts them out", async ({ open, room }) => {
  const ada = await open(`/${room}`);
  await enter(ada, "Ada");
  await button(ada, "More").click();
  await button(ada, "Manage the meeting").click();
  await ada.getByLabel("Newcomers wait to be let in").check();
  await expect(ada.getByLabel("Newcomers wait to be let in")).toBeChecked();
  await ada.keyboard.press("Escape");

  const grace = await open(`/${room}`);
  await grace.getByRole("button", { name: "Turn on camera and microphone" }).click();
  await grace.getByLabel("Your name").fill("Grace");
  await button(grace, "Join").click();
  await expect(grace.getByRole("heading", { name: "You are waiting to be let in" })).toBeVisible();
  await expect(ada.getByText("Grace wants to come in.")).toBeVisible();
  await button(ada, "Let in").click();
  await expect(button(grace, "Mute microphone")).toBeVisible();
  await expectPeople(ada, ["Grace"]);

  await button(ada, "People").click();
  const people = ada.getByRole("complementary", { name: "People" });
  await people.getByRole("button", { name: "What to do about Grace" }).click();
  await people.getByRole("button", { name: "Mute", exact: true }).click();
  await expect(grace.getByText("Ada muted you. You can unmute yourself.")).toBeVisible();
  await expect(button(grace, "Unmute microphone")).toBeVisible();
  await expect(tile(ada, "Grace")).toContainText("muted");

  await people.getByRole("button", { name: "Ban from this meeting" }).click();
  const question = ada.getByRole("dialog", { name: "Ban Grace from this meeting?" });
  await question.getByRole("button", { name: "Ban from this meeting" }).click();
  await expect(grace.getByText("You were put out of this meeting.")).toBeVisible();
  await expectPeople(ada, []);
  await button(grace, "Rejoin").click();
  await expect(grace.getByText("You were put out of this meeting.")).toBeVisible();
  await expect(button(grace, "Join")).toBeVisible();
});

test("a password keeps others out, and the owner link makes an owner elsewhere", async ({ open, room, server }) => {
  const ada = await open(`/${room}`);
  await enter(ada, "Ada");
  await button(ada, "More").click();
  await button(ada, "Manage the meeting").click();
  await ada.getByLabel("Password for newcomers").fill("sesame");
  await button(ada, "Set password").click();
  await expect(ada.getByText("A password is needed to come in.")).toBeVisible();
  const places = ada.getByLabel("Maximum number of people");
  await places.fill("99999");
  await button(ada, "Set number").click();
  await expect(places, "the server has its own bound").toHaveValue("100");
  await places.fill("3");
  await places.press("Enter");
  await expect(places).toHaveValue("3");
  const secret = await ada.evaluate((name) => localStorage.getItem(`allo.owner.${name}`), room);

  const grace = await open(`/${room}`);
  await grace.getByLabel("Your name").fill("Grace");
  await button(grace, "Join").click();
  const password = grace.getByLabel("Password of the room");
  await expect(password).toBeFocused();
  await password.fill("wrong");
  await button(grace, "Join").click();
  await expect(grace.getByText("That is not the password.")).toBeVisible();
  await password.fill("sesame");
  await button(grace, "Join").click();
  await expect(button(grace, "Leave")).toBeVisible();

  const elsewhere = await open(`/${room}#owner=${secret}`);
  await enter(elsewhere, "Ada elsewhere");
  expect(elsewhere.url()).toBe(`${server.origin}/${room}`);
  await button(elsewhere, "More").click();
  await expect(button(elsewhere, "Manage the meeting")).toBeVisible();
});
