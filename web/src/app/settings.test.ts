import { describe, expect, test } from "vitest";
import { DEFAULT_SETTINGS, directionOf, forgetRoom, languageFor, parseSettings, rememberRoom } from "./settings";

describe("what was stored", () => {
  test.each([null, 7, "text", [], {}, { recentRooms: "family", chosen: 3, theme: "pink", language: "tlh" }])(
    "is no reason to fail, whatever it is: %j",
    (stored) => {
      expect(parseSettings(stored)).toEqual(DEFAULT_SETTINGS);
    },
  );

  test("comes back as it was", () => {
    const settings = rememberRoom({ ...DEFAULT_SETTINGS, displayName: "Ada", theme: "dark", language: "fr" }, "family");
    expect(parseSettings(JSON.parse(JSON.stringify(settings)))).toEqual(settings);
  });

  test("holds no more than it may", () => {
    const stored = { displayName: "a".repeat(10_000), recentRooms: Array.from({ length: 1000 }, (_, n) => `r${n}`) };
    const { displayName, recentRooms } = parseSettings(stored);
    expect(displayName).toHaveLength(64);
    expect(recentRooms).toHaveLength(8);
  });
});

describe("recent rooms", () => {
  test("have the latest first, each once", () => {
    const settings = ["a", "b", "a"].reduce(rememberRoom, DEFAULT_SETTINGS);
    expect(settings.recentRooms).toEqual(["a", "b"]);
  });

  test("can be forgotten", () => {
    expect(forgetRoom(rememberRoom(DEFAULT_SETTINGS, "a"), "a").recentRooms).toEqual([]);
  });
});

describe("the language", () => {
  test("is the chosen one before the browser's", () => {
    expect(languageFor("en", ["fr"])).toBe("en");
  });

  test("is the first of the browser's that there is", () => {
    expect(languageFor(null, ["nl-BE", "fr-CH", "en"])).toBe("fr");
  });

  test("is English when there is none", () => {
    expect(languageFor(null, ["nl", "zh-Hant"])).toBe("en");
  });
});

test("a language is written from the side that it is written from", () => {
  expect(["en", "ar", "fa-IR", "arn"].map(directionOf)).toEqual(["ltr", "rtl", "rtl", "ltr"]);
});
