import { expect, test } from "vitest";
import { stable, stableList } from "./stable";

test("an object stays the same one for as long as it holds the same", () => {
  const keep = stable<{ readonly at: { readonly x: number }; readonly name?: string }>();
  const first = keep({ at: { x: 1 } });
  expect(keep({ at: { x: 1 } })).toBe(first);
  expect(keep({ at: { x: 2 } })).toEqual({ at: { x: 2 } });
  expect(keep({ at: { x: 2 }, name: "Ada" })).toEqual({ at: { x: 2 }, name: "Ada" });
  expect(keep({ at: { x: 2 } })).toEqual({ at: { x: 2 } });
});

test("of a list, those that changed alone are others", () => {
  const keep = stableList<{ readonly id: string; readonly x: number }>(({ id }) => id);
  const [one, two] = keep([
    { id: "a", x: 1 },
    { id: "b", x: 1 },
  ]);
  const [two2, one2] = keep([
    { id: "b", x: 2 },
    { id: "a", x: 1 },
  ]);
  expect(one2).toBe(one);
  expect(two2).not.toBe(two);
});
