import { describe, expect, test } from "vitest";
import { ariaKeys, meaningOf, pressLabels, SHORTCUTS } from "./shortcuts";
import { after, inCall, opened } from "./testing/example";

const letter = (key: string) => ({ key, mod: false });
const withMod = (key: string) => ({ key, mod: true });

describe("a key", () => {
  test.each([
    [letter("m"), "toggledMic"],
    [letter("M"), "toggledMic"],
    [withMod("d"), "toggledMic"],
    [letter("v"), "toggledCam"],
    [withMod("e"), "toggledCam"],
    [letter("?"), "openedDialog"],
  ])("means what the table says: %j", (press, type) => {
    expect(meaningOf(press, false, inCall())?.type).toBe(type);
  });

  test.each([letter("d"), withMod("m"), letter("x")])("that is not in the table means nothing: %j", (press) => {
    expect(meaningOf(press, false, inCall())).toBeNull();
  });

  test("is a letter while somebody types, and a shortcut with Ctrl", () => {
    expect(meaningOf(letter("m"), true, inCall())).toBeNull();
    expect(meaningOf(withMod("d"), true, inCall())?.type).toBe("toggledMic");
  });

  test("alone can be turned off", () => {
    const model = after(inCall(), { type: "toggledLetterShortcuts" })[0];
    expect(meaningOf(letter("m"), false, model)).toBeNull();
    expect(meaningOf(withMod("d"), false, model)?.type).toBe("toggledMic");
  });

  test("does nothing behind a dialog or outside of a room", () => {
    const behind = after(inCall(), { type: "openedDialog", dialog: "devices" })[0];
    for (const model of [behind, opened("/")]) expect(meaningOf(letter("m"), false, model)).toBeNull();
  });
});

test("no two shortcuts share a key", () => {
  const all = SHORTCUTS.flatMap(({ presses }) => presses.map(({ key, mod }) => `${mod} ${key}`));
  expect(new Set(all).size).toBe(all.length);
});

test("the keys are written as the keyboard has them", () => {
  expect(pressLabels("toggleMic", false)).toEqual(["M", "Ctrl+D"]);
  expect(pressLabels("toggleMic", true)).toEqual(["M", "⌘D"]);
  expect(ariaKeys("toggleMic", false)).toBe("M Control+D");
  expect(ariaKeys("toggleCam", true)).toBe("V Meta+E");
});
