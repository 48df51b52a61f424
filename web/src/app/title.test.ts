import { describe, expect, test } from "vitest";
import { after, inCall, opened } from "./testing/example";
import { tabIconOf, titleOf } from "./title";

describe("the tab", () => {
  test("names the room, once there is one", () => {
    expect(titleOf(opened("/"))).toBe("Allo");
    expect(titleOf(opened("/family"))).toBe("family · Allo");
    expect(tabIconOf(opened("/family"))).toBe("plain");
  });

  test("tells whether one is heard", () => {
    expect([titleOf(inCall()), tabIconOf(inCall())]).toEqual(["family · Allo", "muted"]);
    const outcome = { ok: true, on: true } as const;
    const [live] = after(inCall(), { type: "toggledMic" }, { type: "deviceSettled", device: "mic", outcome });
    expect([titleOf(live), tabIconOf(live)]).toEqual(["● family · Allo", "live"]);
  });
});
