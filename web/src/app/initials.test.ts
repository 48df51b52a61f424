import { expect, test } from "vitest";
import { COLOURS, colourOf, initials } from "./initials";

test.each([
  ["Ada", "A"],
  ["Ada Lovelace", "AL"],
  ["ada maria lovelace", "AL"],
  ["Jean-Luc Picard", "JP"],
  ["Ada (2)", "A2"],
  ["会議", "会"],
  ["👩‍👩‍👧‍👦", "👩‍👩‍👧‍👦"],
  ["", "?"],
])("shortens %s", (name, letters) => {
  expect(initials(name)).toBe(letters);
});

test("cuts a letter that wears thousands of marks", () => {
  expect([...initials(`Z${"\u0300".repeat(5000)}`)].length).toBeLessThanOrEqual(8);
});

test("gives everybody one of the colours, always the same", () => {
  for (const id of ["", "p2Xc9A", "__proto__", "é"]) {
    expect(colourOf(id)).toBe(colourOf(id));
    expect(colourOf(id)).toBeLessThan(COLOURS);
  }
});
