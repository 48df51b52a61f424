import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { roomName, roomOfPath, roomPath } from "./roomName";

describe("a room's name", () => {
  test.each([
    ["Family", "family"],
    ["  Sunday   lunch ", "sunday---lunch"],
    ["Café", "café"],
    ["Cafe\u0301", "café"],
    ["ΚΑΛΗΜΕΡΑ", "καλημερα"],
    ["会議_2", "会議_2"],
  ])("is brought to the server's form: %s", (text, room) => {
    expect(roomName(text)).toEqual({ ok: true, room });
  });

  test.each([
    ["", "empty"],
    ["   ", "empty"],
    ["a/b", "characters"],
    ["a.b", "characters"],
    ["<script>", "characters"],
    ["a\u0000", "characters"],
    ["../etc", "characters"],
    ["WS", "reserved"],
    ["assets", "reserved"],
    ["é".repeat(65), "tooLong"],
  ])("is refused with its reason: %j", (text, problem) => {
    expect(roomName(text)).toEqual({ ok: false, problem });
  });

  test("of any text stays the same once it is accepted", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const first = roomName(text);
        if (first.ok) expect(roomName(first.room)).toEqual(first);
      }),
    );
  });
});

describe("a room's path", () => {
  test("leads back to the room", () => {
    for (const room of ["family", "café", "会議", "a_b-c"]) {
      expect(roomOfPath(roomPath(room))).toEqual({ ok: true, room });
    }
  });

  test.each(["/%", "/%ff", "/a%2fb", "/a/b"])("that names no room is told apart: %s", (path) => {
    expect(roomOfPath(path)).toEqual({ ok: false, problem: "characters" });
  });
});
