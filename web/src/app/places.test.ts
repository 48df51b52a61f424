import { expect, test } from "vitest";
import { PLACES_MAX, placesOrder } from "./places";

test("a number of places is asked for from the server", () => {
  expect(placesOrder({ participantsMax: 100 }, "12")).toEqual({ type: "setRoom", participantsMax: 12 });
  expect(placesOrder({}, String(PLACES_MAX))).toEqual({ type: "setRoom", participantsMax: PLACES_MAX });
});

test("what is no number of places, or holds already, is not asked for", () => {
  for (const typed of ["", " ", "0", "-3", "1.5", "1e9", "many", String(PLACES_MAX + 1), "100"]) {
    expect(placesOrder({ participantsMax: 100 }, typed), typed).toBeNull();
  }
});
