/** What an owner does about others in a meeting, on what they see of it; and a headset that comes in the middle of one. */

import type { Page } from "@playwright/test";
import { enter, expectPeople, join, tile } from "./support/call";
import { joinCrowd } from "./support/crowd";
import { expect, test, type Open } from "./support/test";

/** Two in a room that Ada owns, whose list of people is open on her page. */
async function meet(open: Open, room: string) {
  const ada = await open(`/${room}`);
  await enter(ada, "Ada");
  const grace = await open(`/${room}`);
  await join(grace, "Grace");
  await expectPeople(ada, ["Grace"]);
  await ada.getByRole("button", { name: "People", exact: true }).click();
  const people = ada.getByRole("complementary", { name: "People" });
  const act = (entry: string): Promise<void> => people.getByRole("button", { name: entry, exact: true }).click();
  return { ada, grace, people, act };
}

test("an owner renames somebody, shows one large to all, takes the floor away and hands the room on", async ({
  open,
  room,
}) => {
  const { ada, grace, people, act } = await meet(open, room);
  await joinCrowd(ada, room, ["Alan"]);
  await expectPeople(ada, ["Grace", "Alan"]);
  await act("What to do about Grace");

  await act("Rename");
  const dialog = ada.getByRole("dialog", { name: "Rename Grace" });
  await dialog.getByLabel("New name").fill("Grace Hopper");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(tile(ada, "Grace Hopper")).toBeVisible();

  await act("Show large to everybody");
  await expect(grace.locator(".tile.focus")).toContainText("You");
  await expect(ada.locator(".tile.focus")).toContainText("Grace Hopper");
  await act("No longer large to everybody");
  await expect(grace.locator(".tile.focus")).toHaveCount(0);

  await act("Take the floor away");
  await expect(grace.getByText("A moderator has taken the floor from you: your microphone stays off.")).toBeVisible();
  await expect(grace.getByRole("button", { name: "Unmute microphone" })).toBeVisible();
  await expect(tile(ada, "Grace Hopper")).toContainText("muted");
  await act("Give the floor back");
  await expect(people.getByRole("button", { name: "Take the floor away" })).toBeVisible();
  await grace.getByRole("button", { name: "Unmute microphone" }).click();
  await expect(tile(ada, "Grace Hopper")).not.toContainText("muted");

  await act("Make an owner");
  await expect(grace.getByText("You are an owner of this room now.")).toBeVisible();
  await grace.getByRole("button", { name: "More" }).click();
  await expect(grace.getByRole("button", { name: "Manage the meeting" })).toBeVisible();
});

test("an owner mutes everybody, asks for what is off, turns people away, locks the room and ends the call", async ({
  open,
  room,
}) => {
  const { ada, grace, people, act } = await meet(open, room);
  const manage = () => act("Manage the meeting");

  await manage();
  await ada.getByRole("button", { name: "Mute everybody" }).click();
  await expect(grace.getByRole("button", { name: "Unmute microphone" })).toBeVisible();
  await ada.getByLabel("Newcomers wait to be let in").check();
  await expect(ada.getByLabel("Newcomers wait to be let in")).toBeChecked();
  await ada.keyboard.press("Escape");

  // What is on can be turned off by others, and what is off can be asked for, but never turned on.
  await act("What to do about Grace");
  await act("Turn their camera off");
  await expect(grace.getByRole("button", { name: "Turn camera on" })).toBeVisible();
  await act("Ask to unmute");
  await expect(grace.getByText("Ada asks you to turn your microphone on.")).toBeVisible();
  await expect(grace.getByRole("button", { name: "Unmute microphone" })).toBeVisible();
  await grace.getByRole("button", { name: "Turn on", exact: true }).click();
  await expect(grace.getByRole("button", { name: "Mute microphone" })).toBeVisible();
  await expect(tile(ada, "Grace")).not.toContainText("muted");

  const alan = await open(`/${room}`);
  const knock = async (): Promise<void> => {
    await alan.getByLabel("Your name").fill("Alan");
    await alan.getByRole("button", { name: "Join", exact: true }).click();
  };
  await knock();
  await expect(alan.getByRole("heading", { name: "You are waiting to be let in" })).toBeVisible();
  await people.getByRole("button", { name: /^Turn away/ }).click();
  await expect(alan.getByText("You were not let in.")).toBeVisible();
  await manage();
  await ada.getByLabel("Newcomers wait to be let in").uncheck();
  await ada.getByLabel("Locked").check();
  await expect(ada.getByLabel("Locked")).toBeChecked();
  await knock();
  await expect(alan.getByText("This room is locked.", { exact: false })).toBeVisible();
  await expectPeople(ada, ["Grace"]);

  await ada.getByRole("button", { name: "End for everybody" }).click();
  const question = ada.getByRole("dialog", { name: "End the call for everybody?" });
  await question.getByRole("button", { name: "End for everybody" }).click();
  for (const page of [ada, grace]) await expect(page.getByText("The meeting was ended for everyone.")).toBeVisible();
});

test("where one screen at a time may be shared, a second one is not, until the first is ended", async ({
  open,
  room,
}) => {
  const { ada, grace, act } = await meet(open, room);
  await act("Manage the meeting");
  await ada.getByLabel("One screen at a time").check();
  await expect(ada.getByLabel("One screen at a time")).toBeChecked();
  await ada.keyboard.press("Escape");
  const share = (page: Page): Promise<void> => page.getByRole("button", { name: "Share screen" }).click();
  await share(ada);
  await expect(ada.getByText("You are sharing your screen")).toBeVisible();
  await expect(tile(grace, "Ada's screen")).toBeVisible();
  await share(grace);
  await expect(grace.getByText("Ada is sharing already: in this room it is one screen at a time.")).toBeVisible();
  await ada.getByRole("button", { name: "Stop sharing" }).first().click();
  await expect(tile(grace, "Ada's screen")).toHaveCount(0);
  await share(grace);
  await expect(tile(ada, "Grace's screen")).toBeVisible();
});

// The browser's list is a pretended one, as in devices.spec.ts, and so is the opening of what only stands on it.
test("a headset that is plugged in is offered, and used once that is wished for", async ({ open, room }) => {
  const page = await open(`/${room}`, {
    before: (it) =>
      it.addInitScript(() => {
        const devices: MediaDevices | undefined = navigator.mediaDevices;
        if (devices === undefined) return;
        const list = devices.enumerateDevices.bind(devices);
        const capture = devices.getUserMedia.bind(devices);
        const asked: unknown[] = [];
        let isPlugged = false;
        const part = (kind: MediaDeviceKind) => ({ kind, label: "Headset", deviceId: "headset", groupId: "headset" });
        devices.enumerateDevices = async () =>
          isPlugged
            ? [...(await list()), part("audioinput") as MediaDeviceInfo, part("audiooutput") as MediaDeviceInfo]
            : list();
        devices.getUserMedia = (constraints) => {
          const audio = constraints?.audio;
          if (typeof audio !== "object" || audio.deviceId === undefined) return capture(constraints);
          asked.push(audio.deviceId);
          return capture({ audio: true });
        };
        const plugIn = (): void => {
          isPlugged = true;
          devices.dispatchEvent(new Event("devicechange"));
        };
        Object.assign(window, { asked, plugIn });
      }),
  });
  await join(page, "Ada");
  await page.evaluate(() => (window as unknown as { plugIn: () => void }).plugIn());
  await expect(page.getByText("“Headset” was plugged in.")).toBeVisible();
  const asked = () => page.evaluate(() => (window as unknown as { asked: unknown[] }).asked);
  expect(await asked(), "nothing is taken silently").toEqual([]);
  await page.getByRole("button", { name: "Use it" }).click();
  await expect.poll(asked).toEqual([{ exact: "headset" }]);
  await expect(page.getByRole("button", { name: "Mute microphone" })).toBeVisible();
});
