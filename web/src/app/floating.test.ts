import { describe, expect, test } from "vitest";
import { floatingTile } from "./floating";
import type { Message } from "./message";
import { wantedTiles } from "./stage";
import { subscriptions } from "./subscriptions";
import { after, inCall, pageOf, participant } from "./testing/example";

const speaks = (active: string): Message => ({ type: "speakersChanged", speaking: [active], active });
const shown = (...messages: readonly Message[]): string =>
  floatingTile(pageOf(after(inCall(participant("a"), participant("b")), ...messages)[0], "room"));

describe("the small window", () => {
  test("shows what is large, else who speaks, else another", () => {
    expect(shown()).toBe("a");
    expect(shown(speaks("b"))).toBe("b");
    expect(shown(speaks("b"), { type: "toggledPin", tile: "a" })).toBe("a");
    expect(floatingTile(pageOf(inCall(), "room"))).toBe("me");
    expect(floatingTile(pageOf(inCall(participant("s", { screen: true }), participant("b")), "room"))).toBe("s/screen");
  });

  test("is opened with that, closed again, and not left behind", () => {
    expect(after(inCall(participant("a")), { type: "toggledFloating" })[1]).toEqual([
      { type: "setFloating", tile: "a" },
    ]);
    const [open] = after(inCall(participant("a")), { type: "floatingChanged", isFloating: true });
    const close = { type: "setFloating", tile: null };
    expect(after(open, { type: "toggledFloating" })[1]).toEqual([close]);
    expect(after(open, { type: "clickedLeave" })[1]).toContainEqual(close);
  });

  test("goes on while the page behind it is hidden", () => {
    const [hidden] = after(
      inCall(participant("a")),
      { type: "floatingChanged", isFloating: true },
      { type: "pageHidden" },
    );
    expect(wantedTiles(hidden, "a")).toEqual([{ participant: "a", source: "cam", height: 360 }]);
    expect(wantedTiles(hidden)).toEqual([]);
    expect(subscriptions(hidden)).toEqual(["levels"]);
  });
});
