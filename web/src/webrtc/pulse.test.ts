import { expect, test } from "vitest";
import { pulse } from "./pulse";

/** What is sent and received between two looks, and whether the server is taken for silent then. */
function verdicts(...steps: readonly (readonly [sent: number, received: number])[]): readonly boolean[] {
  const isSilent = pulse();
  const sum = { sent: 0, received: 0 };
  return steps.map(([sent, received]) => {
    sum.sent += sent;
    sum.received += received;
    return isSilent({ ...sum });
  });
}

const times = <T>(count: number, it: T): readonly T[] => Array.from({ length: count }, () => it);
const FLOW = times(10, [5_000, 5_000] as const);

test("a server that was heard and does not answer any more is silent, which is said once", () => {
  const said = verdicts(...FLOW, ...times(20, [5_000, 0] as const));
  expect(said.flatMap((it, at) => (it ? [at] : []))).toEqual([13]);
});

test.each([
  ["somebody who sends nothing", [...FLOW, ...times(20, [0, 0] as const)]],
  ["a hiccup", [...FLOW, ...times(3, [5_000, 0] as const), ...FLOW, ...times(3, [5_000, 0] as const)]],
  ["a server that was hardly heard", [...times(9, [5_000, 5_000] as const), ...times(20, [5_000, 0] as const)]],
])("%s is no silence", (_, steps) => {
  expect(verdicts(...steps)).not.toContain(true);
});
