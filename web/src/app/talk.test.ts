import { describe, expect, test } from "vitest";
import type { Message } from "./message";
import { after, inCall, opened, pageOf } from "./testing/example";

const PRESSED: Message = { type: "talkKeyPressed" };
const RELEASED: Message = { type: "talkKeyReleased" };
const settled = (on: boolean): Message => ({ type: "deviceSettled", device: "mic", outcome: { ok: true, on } });
const heard = (own: number): Message => ({ type: "levelsMeasured", own, peers: [] });

describe("the key to talk", () => {
  test("turns the microphone on while it is held", () => {
    const [pressed, orders] = after(inCall(), PRESSED);
    expect(orders).toEqual([{ type: "setMic", choice: true, release: false }]);
    const [released, further] = after(pressed, settled(true), RELEASED);
    expect(pageOf(released, "room").own.mic.state).toBe("off");
    expect(further).toEqual([{ type: "setMic", choice: false, release: false }]);
  });

  test("that is let go before the microphone is open leaves it off", () => {
    const [model] = after(inCall(), PRESSED, RELEASED, settled(true), settled(false));
    expect(pageOf(model, "room").own.mic.state).toBe("off");
  });

  test("does nothing to a microphone that is on", () => {
    const [on] = after(inCall(), { type: "toggledMic" }, settled(true));
    const [model, orders] = after(on, PRESSED, RELEASED);
    expect(pageOf(model, "room").own.mic.state).toBe("on");
    expect(orders).toEqual([]);
  });

  test("no longer decides once the button was used while it was held", () => {
    const [model, orders] = after(inCall(), PRESSED, settled(true), { type: "toggledMic" }, RELEASED);
    expect(pageOf(model, "room").own.mic.state).toBe("on");
    expect(orders).toEqual([]);
  });

  test("means nothing outside of a call", () => {
    expect(after(opened("/family"), PRESSED)[1]).toEqual([]);
  });
});

describe("talking into a muted microphone", () => {
  const loud = Array.from({ length: 8 }, () => heard(0.5));

  test("is said once for each time of being muted", () => {
    const [told] = after(inCall(), ...loud);
    expect(told.announcement).toEqual({ kind: "mutedTalk" });
    const [later, effects] = after(told, { type: "announcementExpired" }, ...loud, ...loud);
    expect(later.announcement).toBeNull();
    expect(effects).toEqual([]);

    const again: Message[] = [{ type: "toggledMic" }, settled(true), heard(0.5), { type: "toggledMic" }];
    expect(after(later, ...again, settled(false), ...loud)[0].announcement).toEqual({ kind: "mutedTalk" });
  });

  test("is not a cough, and not what is said aloud", () => {
    const cough = [heard(0.9), heard(0.9), heard(0), heard(0), heard(0)];
    expect(after(inCall(), ...cough, ...cough, ...cough, ...cough)[0].announcement).toBeNull();
    const [on] = after(inCall(), { type: "toggledMic" }, settled(true));
    expect(after(on, ...loud)[0].announcement).toBeNull();
  });
});
