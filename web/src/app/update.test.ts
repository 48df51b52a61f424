import { describe, expect, test } from "vitest";
import { report } from "./diagnostics";
import type { Message } from "./message";
import { subscriptions } from "./subscriptions";
import { after, inCall, opened, participant } from "./testing/example";

describe("a language", () => {
  test("is on the page once it has been loaded", () => {
    const [chosen, effects] = after(opened("/"), { type: "choseLanguage", language: "fr" });
    expect(chosen.language).toBe("en");
    expect(chosen.settings.language).toBe("fr");
    expect(effects).toContainEqual({ type: "loadLanguage", language: "fr" });
    expect(after(chosen, { type: "languageLoaded", language: "fr" })[0].language).toBe("fr");
  });
});

describe("listening", () => {
  test("to voices goes on in a call, and stops when nobody looks", () => {
    expect(subscriptions(inCall())).toEqual(["levels", "quality", "wakeLock"]);
    expect(subscriptions(after(inCall(), { type: "pageHidden" })[0])).toEqual([]);
    expect(subscriptions(opened("/family"))).toEqual([]);
  });

  test("to numbers goes on while they are shown", () => {
    const shown = after(inCall(), { type: "openedDialog", dialog: "diagnostics" })[0];
    expect(subscriptions(shown)).toEqual(["levels", "stats", "wakeLock"]);
    expect(subscriptions(after(shown, { type: "closedDialog" })[0])).toEqual(["levels", "quality", "wakeLock"]);
  });
});

describe("the diagnostics", () => {
  const logged = (at: number): Message => ({ type: "clientLogged", entry: { at, level: "info", event: "offerSent" } });

  test("keep the latest of many events", () => {
    const [model] = after(inCall(), ...Array.from({ length: 700 }, (_, at) => logged(at)));
    expect(model.diagnostics.log).toHaveLength(500);
    expect(model.diagnostics.log.at(-1)?.at).toBe(699);
  });

  test("are reported without anybody's name and without the room's", () => {
    const [model] = after(
      inCall(participant("a", { displayName: "Grace Hopper" })),
      logged(1500),
      { type: "clientFailed", error: { code: "iceFailed", text: "No path.", fatal: false }, at: 2, isReplaced: false },
      {
        type: "statsCollected",
        stats: [
          {
            path: "direct",
            peer: "a",
            connectionState: "connected",
            iceConnectionState: "completed",
            signalingState: "stable",
            roundTripMs: 12,
          },
        ],
      },
    );
    const text = report(model);
    for (const part of ["offerSent", "iceFailed", "roundTripMs=12", "1.500"]) expect(text).toContain(part);
    for (const secret of ["Grace", "Ada", "family"]) expect(text).not.toContain(secret);
  });
});

describe("an announcement", () => {
  test("goes by itself", () => {
    const [model, effects] = after(inCall(), { type: "copied", what: "link" });
    expect(model.announcement).toEqual({ kind: "copied" });
    expect(effects).toEqual([
      { type: "wait", timer: "announcement", ms: 5000, message: { type: "announcementExpired" } },
    ]);
    expect(after(model, { type: "announcementExpired" })[0].announcement).toBeNull();
  });
});

describe("full screen", () => {
  test("is not asked of a browser that has none", () => {
    const model = opened("/family");
    const without = { ...model, surroundings: { ...model.surroundings, canFullScreen: false } };
    expect(after(without, { type: "toggledFullScreen" })[1]).toEqual([]);
  });
});
