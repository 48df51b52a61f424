import { describe, expect, test } from "vitest";
import type { Effect } from "./effect";
import type { Message } from "./message";
import type { Model } from "./model";
import { wantedTiles } from "./stage";
import { after, inCall, pageOf, participant } from "./testing/example";

const here = (recording: readonly string[] = [], recorders: "everyone" | "moderators" = "everyone"): Message => ({
  type: "participantsChanged",
  self: "me",
  participants: ["me", "ada"].map((id) => participant(id, { recording: recording.includes(id) })),
  room: "family",
  rules: { owned: true, recorders },
});
const TOGGLED: Message = { type: "toggledRecording" };
const READY: Message = { type: "recordingPrepared", isReady: true };
const DUE: Message = { type: "recordingDue" };

const meeting = (): Model => after(inCall(participant("ada")), here())[0];
const stateOf = (model: Model): string => pageOf(model, "room").recording;
const said = (effects: readonly Effect[]): readonly unknown[] =>
  effects.flatMap((effect) =>
    effect.type === "say" && effect.message.type === "setRecording" ? [effect.message.recording] : [],
  );

describe("a recording", () => {
  test("begins when there is a place for it, everyone was told, and some seconds have passed", () => {
    const [asked, first] = after(meeting(), TOGGLED);
    expect(first).toEqual([{ type: "prepareRecording", name: "family" }]);
    const [announced, effects] = after(asked, READY);
    expect(said(effects)).toEqual([true]);
    expect(effects).toContainEqual(expect.objectContaining({ type: "wait", timer: "recording" }));
    const [running, last] = after(announced, here(["me"]), DUE);
    expect(stateOf(running)).toBe("running");
    expect(last).toContainEqual({ type: "beginRecording" });
  });

  test("does not begin unless the server has told everyone", () => {
    const [model, effects] = after(meeting(), TOGGLED, READY, DUE);
    expect(stateOf(model)).toBe("off");
    expect(effects).toContainEqual({ type: "endRecording" });
    expect(effects).not.toContainEqual({ type: "beginRecording" });
    expect(model.announcement).toEqual({ kind: "notSent" });
  });

  test("is given up before it begins by whoever changes their mind", () => {
    const [closed] = after(meeting(), TOGGLED, { type: "recordingPrepared", isReady: false });
    expect(stateOf(closed)).toBe("off");
    const [announced] = after(meeting(), TOGGLED, READY, here(["me"]));
    const [off, effects] = after(announced, TOGGLED);
    expect(stateOf(off)).toBe("off");
    expect(said(effects)).toEqual([false]);
    expect(after(off, DUE)).toEqual([off, []]);
  });

  test("is offered to nobody who may not", () => {
    expect(after(after(meeting(), here([], "moderators"))[0], TOGGLED)[1]).toEqual([]);
    expect(after(inCall(participant("ada")), TOGGLED)[1]).toEqual([]);
  });

  test("ends with the call, with the right to it, and when it cannot go on", () => {
    const [running] = after(meeting(), TOGGLED, READY, here(["me"]), DUE);
    expect(after(running, { type: "clickedLeave" })[1][0]).toEqual({ type: "endRecording" });
    expect(stateOf(after(running, here(["me"], "moderators"))[0])).toBe("off");
    const [full, effects] = after(running, { type: "recordingEnded", outcome: "tooLong" });
    expect(stateOf(full)).toBe("off");
    expect(said(effects)).toEqual([false]);
    expect(full.announcement).toEqual({ kind: "recording", outcome: "tooLong" });
  });

  test("is said again to a server that has forgotten it", () => {
    const [running] = after(meeting(), TOGGLED, READY, here(["me"]), DUE);
    expect(said(after(running, here())[1])).toEqual([true]);
  });

  test("goes on with pictures while nobody looks at the page", () => {
    const stage: Message = { type: "stageResized", size: { width: 800, height: 600 }, pixelRatio: 1 };
    const [running] = after(meeting(), stage, TOGGLED, READY, here(["me"]), DUE);
    expect(wantedTiles(after(running, { type: "pageHidden" })[0])).toHaveLength(1);
    expect(wantedTiles(after(running, TOGGLED, { type: "pageHidden" })[0])).toEqual([]);
  });

  test("of somebody else is heard of by everyone, once, whatever sounds they wish for", () => {
    const sound: Effect = { type: "playSound", sound: "recording" };
    const [quiet] = after(meeting(), { type: "toggledSounds" });
    const [told, effects] = after(quiet, here(["ada"]));
    expect(effects).toContainEqual(sound);
    expect(after(told, here(["ada"]))[1]).not.toContainEqual(sound);
  });
});
