import fc from "fast-check";
import { expect, test } from "vitest";
import { restartDelay, retryDelay } from "./backoff";

test("waits from a quarter of a second to a second and a half, whatever happens", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (attempt, chance) => {
        const delay = retryDelay(attempt, () => chance);
        expect(delay).toBeGreaterThanOrEqual(250);
        expect(delay).toBeLessThanOrEqual(1_500);
      },
    ),
  );
});

test("spreads even the first attempt, and the later ones more", () => {
  const longest = [1, 2, 3, 4, 5, 6].map((attempt) => retryDelay(attempt, () => 1));
  expect(longest).toEqual([500, 1_000, 1_500, 1_500, 1_500, 1_500]);
});

test("a hundred who await a server that restarts come back soon, and one by one", () => {
  const waits = Array.from({ length: 100 }, (_, one) => restartDelay(() => one / 99));
  expect(new Set(waits).size).toBe(100);
  expect([Math.min(...waits), Math.max(...waits)]).toEqual([50, 350]);
});
