import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { subscribing, type Subscription } from "./subscribing";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const of = (height: number, audio = true): Subscription => ({
  tiles: [{ participant: "ada", source: "cam", height }],
  audio,
});

function listening() {
  const heights: number[] = [];
  const subscription = subscribing(({ tiles }) => heights.push(tiles[0]?.height ?? 0));
  return { heights, ...subscription };
}

test("the first is said at once, and what follows at a pace, the last of it only", () => {
  const { heights, want } = listening();
  for (const height of [180, 200, 220, 240]) want(of(height), false);
  expect(heights).toEqual([180]);
  vi.advanceTimersByTime(200);
  expect(heights).toEqual([180, 240]);
  vi.advanceTimersByTime(10_000);
  want(of(360), false);
  expect(heights).toEqual([180, 240, 360]);
});

test("what is urgent is said at once", () => {
  const { heights, want } = listening();
  want(of(180), false);
  want(of(360), true);
  expect(heights).toEqual([180, 360]);
  vi.advanceTimersByTime(1_000);
  expect(heights).toEqual([180, 360]);
});

test("the same is not said twice, not even after a change that was taken back", () => {
  const { heights, want } = listening();
  want(of(180), false);
  want(of(360), false);
  want(of(180), false);
  vi.advanceTimersByTime(1_000);
  expect(heights).toEqual([180]);
});

test("it is said again when it may have been lost, unless nothing was wanted", () => {
  const { heights, want, repeat } = listening();
  repeat();
  expect(heights).toEqual([]);
  want(of(180), false);
  repeat();
  expect(heights).toEqual([180, 180]);
});

test("no more is asked for than the server looks at", () => {
  const said: Subscription[] = [];
  const tiles = Array.from({ length: 100 }, (_, n) => ({ participant: `p${n}`, source: "cam" as const, height: 90 }));
  subscribing((it) => said.push(it)).want({ tiles, audio: true }, false);
  expect(said[0]?.tiles).toEqual(tiles.slice(0, 64));
});
