import { expect, test } from "vitest";

import { loudest } from "./loudness";

/** A tenth of a second at 48 kHz that is silent but for a tone of so many milliseconds. */
function beep(startMs: number, durationMs: number): Float32Array {
  const isIn = (n: number): boolean => n >= startMs * 48 && n < (startMs + durationMs) * 48;
  return Float32Array.from({ length: 4096 }, (_, n) => (isIn(n) ? Math.sin((n * 2 * Math.PI * 400) / 48_000) : 0));
}

test("a short sound is as loud wherever it is between two looks", () => {
  for (const startMs of [0, 7, 31, 60]) expect(loudest(beep(startMs, 20))).toBeGreaterThan(0.5);
});

test("silence is silent, and a steady tone is as loud as it is", () => {
  expect(loudest(new Float32Array(4096))).toBe(0);
  expect(loudest(new Float32Array(0))).toBe(0);
  expect(loudest(beep(0, 100))).toBeCloseTo(Math.SQRT1_2, 1);
});
