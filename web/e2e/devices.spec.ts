/** Cameras and microphones that are refused, taken back, or fail; and lists of them that change. */

import { enter, expectInCall, expectPeople, join, received, tile } from "./support/call";
import type { BrowserKind } from "./support/browsers";
import { breakDevices, setPermission } from "./support/power";
import { expect, test } from "./support/test";

const KINDS: readonly BrowserKind[] = ["chromium", "firefox"];
const REFUSED = "The browser does not allow it.";

for (const kind of KINDS) {
  test(`whom ${kind} refuses both devices is told so, and can join`, async ({ open, room, launchOwn }) => {
    const ada = await open(`/${room}`);
    await join(ada, "Ada");
    const grace = await open(`/${room}`, { own: await launchOwn(kind, { devices: "refused" }) });

    await grace.getByRole("button", { name: "Turn on camera and microphone" }).click();
    await expect(grace.getByText(REFUSED)).toHaveCount(2);
    await enter(grace, "Grace");
    await expectInCall(grace, 1);
    await expect(tile(ada, "Grace")).toContainText("muted");
  });
}

test("a camera taken back in mid-call is off, the call goes on, and it can be given again", async ({
  open,
  room,
  launchOwn,
}) => {
  const ada = await open(`/${room}`);
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { own: await launchOwn("chromium", { devices: "refused" }) });
  await setPermission(grace, "camera", "granted");
  await setPermission(grace, "microphone", "granted");
  await join(grace, "Grace");
  await expectInCall(ada, 1);

  await setPermission(grace, "camera", "denied");
  await expect(grace.getByText(REFUSED)).toHaveCount(1);
  await expect(tile(ada, "Grace").locator("video")).toBeHidden();
  await expect(tile(ada, "Grace")).not.toContainText("muted");
  await expect(async () => expect((await received(ada, 1000))[0]?.energy).toBeGreaterThan(1e-6)).toPass();

  await grace.getByRole("button", { name: "Turn camera on" }).click();
  await expect(grace.getByText(REFUSED)).toHaveCount(1);
  await setPermission(grace, "camera", "granted");
  await grace.getByRole("button", { name: "Turn camera on" }).click();
  await expect(grace.getByText(REFUSED)).toHaveCount(0);
  await expectInCall(ada, 1);
});

// The fake devices cannot be unplugged, but what holds them can die: the tracks end as an unplugged device's do. It is
// there again at once, so this is also the case of another device in its place. Where there is none: localMedia.test.ts.
for (const [which, device] of [
  ["cameras", "camera"],
  ["sound", "microphone"],
] as const) {
  test(`a ${device} that fails in mid-call is replaced, and the call goes on`, async ({ open, room, launchOwn }) => {
    const ada = await open(`/${room}`);
    await join(ada, "Ada");
    const own = await launchOwn("chromium");
    const grace = await open(`/${room}`, { own });
    await join(grace, "Grace");
    await expectInCall(ada, 1);

    await breakDevices(own.browser, which);
    await expect(grace.getByText(`Your ${device} was taken away; another one is in use.`)).toBeVisible();
    await expectInCall(ada, 1);
    await expectInCall(grace, 1);
    await expectPeople(ada, ["Grace"]);
    // Who speaks is measured by the system's sound too.
    await expect(tile(grace, "Ada")).toContainText("speaking");
  });
}

// Chromium reads the number of its fake devices when it starts, and Firefox has one of each; none can be plugged in while
// they run. So the browser's list is a pretended one here, and only what the page makes of it is real.
test("a camera that is plugged in can be chosen, and one that is pulled out no more", async ({ open, room }) => {
  const page = await open(`/${room}`, {
    before: (it) =>
      it.addInitScript(() => {
        const devices: MediaDevices | undefined = navigator.mediaDevices;
        if (devices === undefined) return;
        const list = devices.enumerateDevices.bind(devices);
        let pluggedIn: Partial<MediaDeviceInfo>[] = [];
        devices.enumerateDevices = async () => [...(await list()), ...(pluggedIn as MediaDeviceInfo[])];
        Object.assign(window, {
          plugIn: (labels: readonly string[]) => {
            pluggedIn = labels.map((label) => ({ kind: "videoinput", label, deviceId: label, groupId: "" }));
            devices.dispatchEvent(new Event("devicechange"));
          },
        });
      }),
  });
  const plugIn = (labels: readonly string[]): Promise<void> =>
    page.evaluate((them) => (window as unknown as { plugIn: (it: typeof them) => void }).plugIn(them), labels);
  await page.getByRole("button", { name: "Turn camera on" }).click();
  const camera = page.getByLabel("Camera", { exact: true });
  await expect(camera.locator("option")).toHaveText(["Automatic", "fake_device_0"]);

  await plugIn(["Webcam"]);
  await expect(camera.locator("option")).toHaveText(["Automatic", "fake_device_0", "Webcam"]);
  await page.getByRole("button", { name: "Turn camera off" }).click();
  await camera.selectOption("Webcam");

  await plugIn([]);
  await expect(camera.locator("option")).toHaveText(["Automatic", "fake_device_0"]);
  await expect(camera).toHaveValue("");
  await page.getByRole("button", { name: "Turn camera on" }).click();
  await expect(page.getByRole("button", { name: "Turn camera off" })).toBeVisible();
});
