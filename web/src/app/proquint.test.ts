import fc from "fast-check";
import { expect, test } from "vitest";
import { proquints, ROOM_BYTES } from "./proquint";
import { roomName } from "./roomName";

test("writes addresses as the proposal does", () => {
  expect(proquints([127, 0, 0, 1])).toBe("lusab-babad");
  expect(proquints([63, 84, 220, 193])).toBe("gutih-tugad");
  expect(proquints([255, 255])).toBe("zuzuz");
});

const randomBytes = fc.array(fc.nat(255), { minLength: ROOM_BYTES, maxLength: ROOM_BYTES });

test("makes eight words that are a room's name as they are", () => {
  fc.assert(
    fc.property(randomBytes, (bytes) => {
      const name = proquints(bytes);
      expect(name).toMatch(/^([a-z]{5}-){7}[a-z]{5}$/);
      expect(roomName(name)).toEqual({ ok: true, room: name });
    }),
  );
});

test("loses none of the bits", () => {
  fc.assert(
    fc.property(randomBytes, randomBytes, (one, other) => {
      fc.pre(one.join() !== other.join());
      expect(proquints(one)).not.toBe(proquints(other));
    }),
  );
});
