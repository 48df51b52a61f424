import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf, deviceError, type Capture, type DeviceKind } from "./devices";
import type { Filter } from "./filters";
import { localMedia } from "./localMedia";
import { fakeBrowser, FakeTrack, realBrowser } from "./testing";

beforeEach(fakeBrowser);
afterEach(realBrowser);

/** Devices that are there; what is not, is not found. */
function media(present: Record<DeviceKind, string[]> = { mic: ["m1", "m2"], cam: ["c1", "c2"] }) {
  const events: string[] = [];
  const opened: FakeTrack[] = [];
  const capture = async (device: DeviceKind, wanted?: string): Promise<Capture> => {
    const id = wanted ? present[device].find((it) => it === wanted) : present[device][0];
    if (!id) return { ok: false, error: deviceError("deviceNotFound", device) };
    const track = new FakeTrack(device === "mic" ? "audio" : "video", id);
    opened.push(track);
    return { ok: true, track: track as unknown as MediaStreamTrack };
  };
  const local = localMedia({
    capture,
    onChange: (device) => events.push(`${device} ${local.isOn(device) ? "on" : "off"}`),
    onStream: () => events.push("stream"),
    onError: ({ code, device }) => events.push(`${device} ${code}`),
    log: () => {},
  });
  return { local, events, opened, present };
}

test("a microphone is muted without being closed", async () => {
  const { local, opened, events } = media();
  expect(await local.set("mic", true, true)).toEqual({ ok: true, on: true, deviceId: "m1", label: "m1" });
  expect(await local.set("mic", false, true)).toMatchObject({ ok: true, on: false });
  expect(await local.set("mic", true, true)).toMatchObject({ ok: true, on: true });
  expect(opened).toHaveLength(1);
  expect(opened[0]?.readyState).toBe("live");
  expect(events).toEqual(["mic on", "stream", "mic off", "mic on"]);
});

test("a camera that is off is closed, so that its light goes out", async () => {
  const { local, opened } = media();
  await local.set("cam", true, false);
  expect(await local.set("cam", false, false)).toEqual({ ok: true, on: false });
  expect(opened[0]?.readyState).toBe("ended");
  expect(local.stream.getTracks()).toEqual([]);
});

test("a camera's picture is small where that was wished for, now and of the next ones", async () => {
  const { local, opened } = media();
  local.setSmall(true);
  await local.set("cam", true, false);
  await local.set("mic", true, true);
  expect(opened[0]?.constraints?.height).toEqual({ ideal: 270 });
  local.setSmall(false);
  expect(opened[0]?.constraints?.height).toEqual({ ideal: 720 });
  expect(opened[1]?.constraints).toBeUndefined();
});

test("another device takes the place of the first", async () => {
  const { local, opened } = media();
  await local.set("cam", true, false);
  expect(await local.set("cam", { deviceId: "c2" }, false)).toMatchObject({ ok: true, deviceId: "c2" });
  expect(opened.map(({ readyState }) => readyState)).toEqual(["ended", "live"]);
  expect(local.stream.getTracks()).toHaveLength(1);
});

test("a device that cannot be had leaves the present one alone, and the other kind too", async () => {
  const { local } = media({ mic: ["m1"], cam: [] });
  await local.set("mic", true, true);
  expect(await local.set("cam", true, false)).toMatchObject({
    ok: false,
    error: { code: "deviceNotFound", device: "cam" },
  });
  expect(await local.set("mic", { deviceId: "gone" }, true)).toMatchObject({ ok: false });
  expect(local.isOn("mic")).toBe(true);
});

test("wishes are granted in their order", async () => {
  const { local } = media();
  const outcomes = await Promise.all([local.set("cam", true, false), local.set("cam", false, false)]);
  expect(outcomes).toMatchObject([{ on: true }, { on: false }]);
  expect(local.isOn("cam")).toBe(false);
});

test("an unplugged device is replaced by what is there, muted if it was", async () => {
  const { local, opened, present, events } = media();
  await local.set("mic", true, true);
  await local.set("mic", false, true);
  present.mic = ["m2"];
  opened[0]?.unplug();
  await local.set("cam", false, false);
  await expect.poll(() => opened.length).toBe(2);
  await expect.poll(() => events).toContain("mic deviceLost");
  expect(local.isOn("mic")).toBe(false);
  expect(local.track("mic")?.label).toBe("m2");
});

test("an unplugged device without another is off", async () => {
  const { local, opened, present, events } = media();
  await local.set("cam", true, false);
  present.cam = [];
  opened[0]?.unplug();
  await expect.poll(() => events).toEqual(["cam on", "stream", "cam off", "stream", "cam deviceLost"]);
  expect(local.track("cam")).toBeNull();
});

test("errors of the browser have codes", () => {
  const named = (name: string): Error => Object.assign(new Error(), { name });
  expect(codeOf(named("NotAllowedError"))).toBe("deviceDenied");
  expect(codeOf(named("NotFoundError"))).toBe("deviceNotFound");
  expect(codeOf(named("OverconstrainedError"))).toBe("deviceNotFound");
  expect(codeOf(named("NotReadableError"))).toBe("deviceBusy");
  expect(codeOf("?")).toBe("deviceUnsupported");
});

/** A filter that gives another track, or fails. */
function filter(isAble = true) {
  const made: FakeTrack[] = [];
  let ended = 0;
  const put: Filter = async (track) => {
    if (!isAble) throw new Error("not here");
    const under = new FakeTrack(track.kind as "audio" | "video", `${track.id} filtered`);
    made.push(under);
    return { track: under as unknown as MediaStreamTrack, end: () => (ended += 1) };
  };
  return { put, made, ended: () => ended };
}

test("a filter is put over a device in use and taken away, and the device itself stays open", async () => {
  const { local, opened } = media();
  const { put, made, ended } = filter();
  await local.set("cam", true, false);
  local.setFilter("cam", put);
  await local.set("cam", true, false);
  expect(local.track("cam")).toBe(made[0]);
  expect(local.stream.getTracks()).toEqual([made[0]]);
  await local.set("cam", true, false);
  expect(made).toHaveLength(1);

  local.setFilter("cam", null);
  await local.set("cam", true, false);
  expect(local.track("cam")).toBe(opened[0]);
  expect(opened).toHaveLength(1);
  expect(opened[0]?.readyState).toBe("live");
  expect(ended()).toBe(1);
});

test("turning a filtered camera off closes the camera and the filter", async () => {
  const { local, opened } = media();
  const { put, ended } = filter();
  local.setFilter("cam", put);
  await local.set("cam", true, false);
  await local.set("cam", false, false);
  expect(opened[0]?.readyState).toBe("ended");
  expect(ended()).toBe(1);
});

test("nobody is seen without the background that they chose", async () => {
  const { local, opened } = media();
  local.setFilter("cam", filter(false).put);
  expect(await local.set("cam", true, false)).toMatchObject({ ok: false, error: { code: "backgroundFailed" } });
  expect(opened[0]?.readyState).toBe("ended");
  expect(local.track("cam")).toBeNull();
});

test("a voice whose noise cannot be taken out is heard as it is, and that is said once", async () => {
  const { local, opened, events } = media();
  local.setFilter("mic", filter(false).put);
  expect(await local.set("mic", true, true)).toMatchObject({ ok: true, on: true });
  await local.set("mic", false, true);
  await local.set("mic", true, true);
  expect(local.track("mic")).toBe(opened[0]);
  expect(events.filter((event) => event === "mic noiseFailed")).toHaveLength(1);
});

test("a filter that breaks down takes the camera's picture along, and leaves the voice", async () => {
  const { local, opened, events } = media();
  const [cam, mic] = [filter(), filter()];
  local.setFilter("cam", cam.put);
  local.setFilter("mic", mic.put);
  await local.set("cam", true, false);
  await local.set("mic", true, true);
  cam.made[0]?.unplug();
  mic.made[0]?.unplug();
  await local.set("mic", true, true);
  await local.set("cam", false, false);
  expect(local.track("mic")).toBe(opened[1]);
  expect(opened[0]?.readyState).toBe("ended");
  expect(events).toContain("cam backgroundFailed");
  expect(events).toContain("mic noiseFailed");
});
