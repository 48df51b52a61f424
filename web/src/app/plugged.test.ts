import { describe, expect, test } from "vitest";
import type { Message } from "./message";
import type { Device } from "./model";
import { after, inCall, opened } from "./testing/example";

const device = (kind: Device["kind"], deviceId: string, label = deviceId, group = ""): Device => ({
  kind,
  deviceId,
  label,
  group,
});
const listed = (...devices: readonly Device[]): Message => ({ type: "devicesListed", devices });

const BUILT_IN = [device("mic", "m"), device("cam", "c"), device("speaker", "s")];
const HEADSET = [device("mic", "hm", "Headset", "h"), device("speaker", "hs", "Headset", "h")];

describe("what is plugged in during a call", () => {
  test("is offered, and not taken", () => {
    const [model, effects] = after(inCall(), listed(...BUILT_IN), listed(...BUILT_IN, ...HEADSET));
    expect(model.offer).toEqual({ label: "Headset", deviceIds: { mic: "hm", speaker: "hs" } });
    expect(effects).toEqual([]);
    expect(after(model, { type: "declinedOffer" })[0].offer).toBeNull();
  });

  test("is taken with all its parts when accepted", () => {
    const [model] = after(inCall(), listed(...BUILT_IN), listed(...BUILT_IN, ...HEADSET));
    const [accepted, effects] = after(model, { type: "acceptedOffer" });
    expect(accepted.settings.chosen).toEqual({ mic: "hm", cam: null, speaker: "hs" });
    expect(effects).toContainEqual({ type: "setSpeaker", deviceId: "hs" });
    expect(accepted.offer).toBeNull();
  });

  test("is offered no more once it is gone, and not at all before a call", () => {
    const [model] = after(inCall(), listed(...BUILT_IN), listed(...BUILT_IN, ...HEADSET), listed(...BUILT_IN));
    expect(model.offer).toBeNull();
    const before = opened("/family");
    expect(after(before, listed(...BUILT_IN), listed(...BUILT_IN, ...HEADSET))[0].offer).toBeNull();
  });

  test("is no news when only a permission made it known", () => {
    const unnamed = BUILT_IN.map((it) => ({ ...it, label: "" }));
    expect(after(inCall(), listed(...unnamed), listed(...BUILT_IN))[0].offer).toBeNull();
    expect(after(inCall(), listed(device("mic", "m")), listed(...BUILT_IN))[0].offer).toBeNull();
    const alias = device("mic", "default", "Default - Headset");
    expect(after(inCall(), listed(...BUILT_IN), listed(...BUILT_IN, alias))[0].offer).toBeNull();
  });
});

test("a speaker that is gone is done without, and that is said", () => {
  const chosen: Message = { type: "choseDevice", kind: "speaker", deviceId: "hs" };
  const [model] = after(inCall(), listed(...BUILT_IN, ...HEADSET), chosen);
  const [without, effects] = after(model, listed(...BUILT_IN));
  expect(effects[0]).toEqual({ type: "setSpeaker", deviceId: null });
  expect(without.announcement).toEqual({ kind: "replaced", device: "speaker" });
});
