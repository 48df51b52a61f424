import { expect, test } from "vitest";
import { arrival, type Arrival, type Sight } from "./arrival";

const BOTH = { mic: true, cam: true };
const of = (origin: string, mic: number, cam: number): Sight["counts"] => ({
  mic: { origin, count: mic },
  cam: { origin, count: cam },
});

/** Looks every 100 ms while both grow, until `untilMs`. */
function flow(it: Arrival, fromMs: number, untilMs: number, origin = "1"): void {
  for (let atMs = fromMs; atMs <= untilMs; atMs += 100) {
    it.saw({ atMs, isUp: true, expected: BOTH, counts: of(origin, atMs, atMs) });
  }
}

test("nothing is there before it is seen to grow for a while", () => {
  const it = arrival(0);
  flow(it, 100, 400);
  expect(it.delivers()).toBe(false);
  flow(it, 500, 500);
  expect(it.delivers()).toBe(true);
});

test("sound without the picture is not all", () => {
  const it = arrival(0);
  for (let atMs = 100; atMs < 2_000; atMs += 100) {
    it.saw({ atMs, isUp: true, expected: BOTH, counts: of("1", atMs, 0) });
    expect(it.delivers()).toBe(false);
  }
});

test("what stutters at first is waited for", () => {
  const it = arrival(0);
  flow(it, 100, 300);
  for (let atMs = 400; atMs <= 1_200; atMs += 100) {
    it.saw({ atMs, isUp: true, expected: { mic: false, cam: true }, counts: of("1", 300, 300) });
  }
  expect(it.delivers()).toBe(false);
  flow(it, 1_300, 1_500);
  expect(it.delivers()).toBe(false);
  flow(it, 1_600, 1_600);
  expect(it.delivers()).toBe(true);
});

test("what is not expected is not waited for", () => {
  const it = arrival(0);
  const nothing = { mic: undefined, cam: undefined };
  it.saw({ atMs: 100, isUp: true, expected: { mic: false, cam: false }, counts: nothing });
  it.saw({ atMs: 400, isUp: true, expected: { mic: false, cam: false }, counts: nothing });
  expect(it.delivers()).toBe(true);
});

test("nothing arrives by a way that does not stand", () => {
  const it = arrival(0);
  it.saw({ atMs: 100, isUp: false, expected: { mic: false, cam: false }, counts: of("1", 0, 0) });
  it.saw({ atMs: 3_100, isUp: false, expected: { mic: false, cam: false }, counts: of("1", 0, 0) });
  expect(it.delivers()).toBe(false);
  expect(it.lacksForMs()).toBe(3_100);
});

test("what stops growing lacks after a while, and counts from then", () => {
  const it = arrival(0);
  flow(it, 100, 1_000);
  const stopped = (atMs: number) => it.saw({ atMs, isUp: true, expected: BOTH, counts: of("1", atMs, 1_000) });
  for (let atMs = 1_100; atMs <= 1_500; atMs += 100) stopped(atMs);
  expect(it.delivers()).toBe(true);
  stopped(1_600);
  expect(it.delivers()).toBe(false);
  for (let atMs = 1_700; atMs <= 2_600; atMs += 100) stopped(atMs);
  expect(it.lacksForMs()).toBe(1_000);
});

test("what is looked at seldom does not stop for that", () => {
  const it = arrival(0);
  flow(it, 100, 500);
  for (let atMs = 1_500; atMs <= 9_500; atMs += 1_000) {
    it.saw({ atMs, isUp: true, expected: BOTH, counts: of("1", atMs, atMs - (atMs % 2_000)) });
    expect(it.delivers()).toBe(true);
  }
});

test("a slot that carries another begins anew", () => {
  const it = arrival(0);
  flow(it, 100, 500);
  it.saw({ atMs: 600, isUp: true, expected: BOTH, counts: of("2", 900, 900) });
  expect(it.delivers()).toBe(false);
});
