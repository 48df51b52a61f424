import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { vouching } from "./vouching";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test("vouches only for the absent whose media still arrives", async () => {
  const bytes: Record<string, number> = { alive: 0, silent: 7 };
  const vouched: string[] = [];
  const stop = vouching({
    reconnecting: () => ["alive", "silent"],
    arrivals: async (peer) => bytes[peer] ?? 0,
    vouch: (peer) => vouched.push(peer),
  });
  await vi.advanceTimersByTimeAsync(4_000);
  expect(vouched).toEqual([]);
  bytes.alive = 1_000;
  await vi.advanceTimersByTimeAsync(4_000);
  expect(vouched).toEqual(["alive"]);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(vouched).toEqual(["alive"]);
  bytes.alive = 2_000;
  stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(vouched).toEqual(["alive"]);
});
