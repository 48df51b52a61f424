import { expect, test } from "vitest";
import type { Effect } from "../app/effect";
import type { Model } from "../app/model";
import { init } from "../app/navigation";
import { SURROUNDINGS } from "../app/testing/example";
import { DEFAULT_SETTINGS } from "../app/settings";
import { update } from "../app/update";
import { program, type Program } from "./program";

test("draws first, and then carries out what the first page orders", () => {
  const { steps, loop } = recorded("/family");
  loop.start();
  expect(steps[0]).toBe("preJoin");
  expect(steps.slice(1)).toEqual(["openClient", "listDevices", "focus"]);
});

test("lets a message that an effect sends wait until the others are handled", () => {
  const { steps, loop } = recorded("/", (effect, dispatch) => {
    if (effect.type === "drawRandomBytes") dispatch({ type: "drewRandomBytes", bytes: [0, 0] });
  });
  loop.start();
  loop.dispatch({ type: "clickedUnguessableRoom" });
  expect(steps.slice(-6)).toEqual(["drawRandomBytes", "preJoin", "showPath", "openClient", "listDevices", "focus"]);
});

test("draws nothing when nothing changed", () => {
  const { steps, loop } = recorded("/");
  loop.start();
  const before = steps.length;
  loop.dispatch({ type: "insetDropped" });
  expect(steps).toHaveLength(before);
});

type Recorded = { readonly steps: string[]; readonly loop: Program };

/** A loop that writes down what it draws and what it carries out, in order. */
function recorded(
  path: string,
  answer: (effect: Effect, dispatch: Program["dispatch"]) => void = () => undefined,
): Recorded {
  const steps: string[] = [];
  const loop: Program = program({
    first: init(SURROUNDINGS, DEFAULT_SETTINGS, path),
    update,
    render: (model: Model) => steps.push(model.page.page),
    perform: (effect) => {
      steps.push(effect.type);
      answer(effect, loop.dispatch);
    },
  });
  return { steps, loop };
}
