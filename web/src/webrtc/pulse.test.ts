import { expect, test } from "vitest";
import { pulse, type Verdict } from "./pulse";

type Step = { readonly sent?: number; readonly received?: number; readonly asked?: number; readonly answered?: number };

/** What goes each way between two looks, and what is made of it. */
function verdicts(...steps: readonly Step[]): readonly (readonly [at: number, verdict: Verdict])[] {
  const look = pulse();
  const sum = { sent: 0, received: 0, asked: 0, answered: 0 };
  return steps.flatMap(({ sent = 0, received = 0, asked = 0, answered = 0 }, at) => {
    sum.sent += sent;
    sum.received += received;
    sum.asked += asked;
    sum.answered += answered;
    const verdict = look({ ...sum });
    return verdict ? [[at, verdict] as const] : [];
  });
}

const times = <T>(count: number, it: T): readonly T[] => Array.from({ length: count }, () => it);
const FLOW = times(20, { sent: 5_000, received: 5_000 });
/** What a page does that only looks on: reports now and then. */
const WATCHING = times(10, [{ received: 5_000, sent: 100 }, { received: 5_000 }]).flat();

test("a server that was heard and does not answer any more is doubtful, silent and then blocked, each said once", () => {
  expect(verdicts(...FLOW, ...times(20, { sent: 5_000 }))).toEqual([
    [21, "doubtful"],
    [23, "silent"],
    [27, "blocked"],
  ]);
});

test("a server that is heard again is heard, which is said once", () => {
  expect(verdicts(...FLOW, ...times(4, { sent: 5_000 }), ...FLOW)).toEqual([
    [21, "doubtful"],
    [23, "silent"],
    [24, "heard"],
  ]);
});

test("a restart that brings nothing is blocked, though there is no way left to send by", () => {
  expect(verdicts(...FLOW, ...times(4, { sent: 5_000 }), ...times(20, {}))).toEqual([
    [21, "doubtful"],
    [23, "silent"],
    [27, "blocked"],
  ]);
});

test("whoever sends nothing notices it by the checks that are not answered", () => {
  const silence = [...times(5, { sent: 60, asked: 1 }), ...times(20, { asked: 9 })];
  expect(verdicts(...WATCHING, ...silence)).toEqual([
    [22, "doubtful"],
    [23, "silent"],
    [27, "blocked"],
  ]);
});

test.each<readonly [string, readonly Step[]]>([
  ["somebody who sends nothing", [...FLOW, ...times(20, {})]],
  ["a hiccup", [...FLOW, ...times(3, { sent: 5_000 }), ...FLOW, ...times(3, { sent: 5_000 })]],
  ["a server that was hardly heard", [...FLOW.slice(1), ...times(20, { sent: 5_000 })]],
  ["a room in which nothing is said", [...WATCHING, ...times(40, [{ sent: 100 }, { asked: 1, answered: 1 }]).flat()]],
  ["a check that was lost", [...WATCHING, ...times(5, {}), { asked: 2 }, {}, { asked: 1, answered: 1 }]],
])("%s is no silence", (_, steps) => {
  expect(verdicts(...steps).filter(([, verdict]) => verdict !== "doubtful")).toEqual([]);
});
