import { describe, expect, test } from "vitest";
import type { DeviceOutcome } from "../webrtc/types";
import type { Message } from "./message";
import { after, inCall, opened, pageOf } from "./testing/example";

const ON: DeviceOutcome = { ok: true, on: true };
const OFF: DeviceOutcome = { ok: true, on: false };
const settled = (device: "mic" | "cam", outcome: DeviceOutcome): Message => ({
  type: "deviceSettled",
  device,
  outcome,
});

describe("a device", () => {
  test("is on only when the browser has given it", () => {
    const [opening, orders] = after(opened("/family"), { type: "toggledCam" });
    expect(pageOf(opening, "preJoin").own.cam).toEqual({ state: "opening" });
    expect(orders).toEqual([{ type: "setCam", choice: true }]);

    const [on, effects] = after(opening, settled("cam", ON));
    expect(pageOf(on, "preJoin").own.cam).toEqual({ state: "on" });
    expect(effects).toEqual([{ type: "listDevices" }]);
  });

  test("that is refused says why, and the other one is not touched", () => {
    const error = { code: "deviceDenied", text: "", fatal: false } as const;
    const [model] = after(opened("/family"), { type: "clickedAllowDevices" }, settled("cam", { ok: false, error }));
    expect(pageOf(model, "preJoin").own).toEqual({
      mic: { state: "opening" },
      cam: { state: "off", problem: "deviceDenied" },
    });
  });

  test("turned off while it was being opened stays off", () => {
    const toggles: Message[] = [{ type: "toggledCam" }, { type: "toggledCam" }];
    const [model] = after(opened("/family"), ...toggles, settled("cam", ON), settled("cam", OFF));
    expect(pageOf(model, "preJoin").own.cam).toEqual({ state: "off", problem: null });
  });

  test("turned on again before it was off is waited for", () => {
    const [opening] = after(opened("/family"), { type: "toggledCam" }, settled("cam", ON));
    const [model] = after(opening, { type: "toggledCam" }, { type: "toggledCam" }, settled("cam", OFF));
    expect(pageOf(model, "preJoin").own.cam).toEqual({ state: "opening" });
  });
});

describe("the microphone", () => {
  test("is given back when turned off before the call, and kept open when muted in it", () => {
    const before = after(opened("/family"), { type: "toggledMic" }, settled("mic", ON))[0];
    expect(after(before, { type: "toggledMic" })[1]).toEqual([{ type: "setMic", choice: false, release: true }]);

    const during = after(inCall(), { type: "toggledMic" }, settled("mic", ON))[0];
    expect(after(during, { type: "toggledMic" })[1]).toEqual([{ type: "setMic", choice: false, release: false }]);
  });
});

describe("a device taken away in mid-call", () => {
  const lost = { code: "deviceLost", text: "", fatal: false, device: "cam" } as const;
  const call = after(inCall(), { type: "toggledCam" }, settled("cam", ON))[0];

  test("is off, with the reason, and the call goes on", () => {
    const [model] = after(call, { type: "clientFailed", error: lost, at: 1, isReplaced: false });
    expect(pageOf(model, "room").own.cam).toEqual({ state: "off", problem: "deviceLost" });
  });

  test("is announced when another one has taken its place", () => {
    const [model] = after(call, { type: "clientFailed", error: lost, at: 1, isReplaced: true });
    expect(pageOf(model, "room").own.cam).toEqual({ state: "on" });
    expect(model.announcement).toEqual({ kind: "replaced", device: "cam" });
  });
});

describe("a chosen device", () => {
  const devices = [{ kind: "cam", deviceId: "c2", label: "Second", group: "" }] as const;
  const choice: Message = { type: "choseDevice", kind: "cam", deviceId: "c2" };

  test("is opened at once when a camera is on, and only remembered otherwise", () => {
    const off = after(opened("/family"), { type: "devicesListed", devices })[0];
    expect(after(off, choice)[1].map(({ type }) => type)).toEqual(["save"]);

    const on = after(off, { type: "toggledCam" }, settled("cam", ON))[0];
    expect(after(on, choice)[1]).toContainEqual({ type: "setCam", choice: { deviceId: "c2" } });
  });

  test("that is not plugged in today is not asked for", () => {
    const model = opened("/family", { chosen: { mic: null, cam: "c2", speaker: null } });
    expect(after(model, { type: "toggledCam" })[1]).toEqual([{ type: "setCam", choice: true }]);
  });
});

describe("saving", () => {
  const on = after(inCall(), { type: "toggledCam" }, settled("cam", ON))[0];

  test("makes the picture of a camera in use small at once, and large again", () => {
    const [saving, effects] = after(on, { type: "toggledDataSaver" });
    expect(effects).toContainEqual({ type: "setCam", choice: true, isSmall: true });
    expect(effects).toContainEqual({ type: "save", settings: saving.settings });
    expect(after(saving, { type: "toggledDataSaver" })[1]).toContainEqual({ type: "setCam", choice: true });
    expect(after(inCall(), { type: "toggledDataSaver" })[1]).toHaveLength(1);
  });

  test("in another codec is told to a camera in use at once", () => {
    const [model, effects] = after(on, { type: "choseCodec", codec: "av1" });
    expect(effects).toEqual([
      { type: "save", settings: model.settings },
      { type: "setCam", choice: true, codec: "av1" },
    ]);
    expect(model.settings.codec).toBe("av1");
    expect(after(model, { type: "choseCodec", codec: "vp8" })[1]).toContainEqual({ type: "setCam", choice: true });
  });

  test("with sound only turns the camera off, and not on again", () => {
    const [without, effects] = after(on, { type: "toggledAudioOnly" });
    expect(effects).toContainEqual({ type: "setCam", choice: false });
    expect(pageOf(without, "room").own.cam.state).toBe("off");
    expect(after(without, { type: "toggledAudioOnly" })[1]).toHaveLength(1);
  });
});

describe("filters", () => {
  test("follow at once where the device is in use, and are remembered", () => {
    const [model] = after(opened("/family"), { type: "toggledCam" }, settled("cam", ON));
    const [blurred, effects] = after(model, { type: "choseBackground", background: "blur" });
    expect(effects).toContainEqual({ type: "setCam", choice: true, background: "blur" });
    expect(blurred.settings.background).toBe("blur");
    const [, further] = after(blurred, { type: "toggledNoiseFilter" });
    expect(further.map(({ type }) => type)).toEqual(["save"]);
  });

  test("that fail are not tried again", () => {
    const error = { code: "backgroundFailed", text: "", fatal: false } as const;
    const [model] = after(
      opened("/family"),
      { type: "choseBackground", background: "blur" },
      { type: "toggledCam" },
      settled("cam", { ok: false, error }),
    );
    expect(pageOf(model, "preJoin").own.cam).toEqual({ state: "off", problem: "backgroundFailed" });
    expect(model.settings.background).toBe("none");

    const failure = { code: "noiseFailed", text: "", fatal: false, device: "mic" } as const;
    const [noisy] = after(
      inCall(),
      { type: "toggledNoiseFilter" },
      { type: "clientFailed", error: failure, at: 1, isReplaced: false },
    );
    expect(noisy.settings.noiseFilter).toBe(false);
    expect(noisy.announcement).toEqual({ kind: "refused", code: "noiseFailed" });
  });
});
