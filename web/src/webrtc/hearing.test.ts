import { expect, test } from "vitest";
import { hearing, LOOK_EVERY_MS, type Look, type Remedy } from "./hearing";

const BOTH = { mic: true, cam: true };

/** A link that is looked at in virtual time; the counts go on from look to look. */
function listener() {
  const ears = hearing();
  const heard = { mic: 0, cam: 0 };
  let atMs = 0;

  function look(arrives: { mic: boolean; cam: boolean }, other: Partial<Look> & { lateMs?: number } = {}) {
    const { lateMs = 0, ...rest } = other;
    atMs += LOOK_EVERY_MS + lateMs;
    if (arrives.mic) heard.mic += 100;
    if (arrives.cam) heard.cam += 50;
    return ears.looked({ atMs, isUp: true, expected: BOTH, heard: { ...heard }, ...rest });
  }
  /** Looks for so long, and tells when what was done. */
  function looks(forMs: number, arrives: { mic: boolean; cam: boolean }, other: Partial<Look> = {}) {
    const done: [number, Remedy][] = [];
    const from = atMs;
    while (atMs - from < forMs) {
      const remedy = look(arrives, other);
      if (remedy) done.push([(atMs - from) / 1_000, remedy]);
    }
    return done;
  }
  return { look, looks };
}

const SILENCE = { mic: false, cam: false };

test("a link that is heard is left alone", () => {
  expect(listener().looks(600_000, BOTH)).toEqual([]);
});

test("silence restarts ICE, then asks for another link, then waits twice as long each time", () => {
  const { look, looks } = listener();
  look(BOTH);
  expect(looks(60_000, SILENCE)).toEqual([
    [4, "restartIce"],
    [8, "renew"],
    [16, "restartIce"],
    [24, "renew"],
    [40, "restartIce"],
    [56, "renew"],
  ]);
});

test("a peer that never sends what it says is not asked more often than every five minutes in the end", () => {
  const { looks } = listener();
  looks(3_600_000, SILENCE);
  expect(looks(3_600_000, SILENCE).length).toBeLessThanOrEqual(12);
});

test("one kind missing is enough, if it is expected", () => {
  const { look, looks } = listener();
  look(BOTH);
  expect(looks(4_000, { mic: true, cam: false })).toEqual([[4, "restartIce"]]);
  const other = listener();
  expect(other.looks(60_000, { mic: true, cam: false }, { expected: { mic: true, cam: false } })).toEqual([]);
});

test("nothing is expected of who sends nothing", () => {
  expect(listener().looks(60_000, SILENCE, { expected: SILENCE })).toEqual([]);
});

test("a link that does not stand is left to others, and begins afresh", () => {
  const { look, looks } = listener();
  look(BOTH);
  expect(look(SILENCE)).toBeUndefined();
  expect(looks(60_000, SILENCE, { isUp: false })).toEqual([]);
  expect(look(SILENCE)).toBeUndefined();
  expect(look(SILENCE)).toBeUndefined();
  expect(look(SILENCE)).toBe("restartIce");
});

test("a late look says nothing, however much time has passed", () => {
  const { look } = listener();
  look(BOTH);
  for (let count = 0; count < 20; count += 1) expect(look(SILENCE, { lateMs: 60_000 })).toBeUndefined();
});

test("a moment of media does not bring the first patience back, a while does", () => {
  const { look, looks } = listener();
  look(BOTH);
  looks(8_000, SILENCE);
  look(BOTH);
  expect(looks(8_000, SILENCE)).toEqual([[8, "restartIce"]]);
  looks(10_000, BOTH);
  expect(looks(8_000, SILENCE)).toEqual([
    [4, "restartIce"],
    [8, "renew"],
  ]);
});

test("counts that begin anew with another link are not taken for sound", () => {
  const { look } = listener();
  look(BOTH);
  look(BOTH);
  expect(look(SILENCE, { heard: { mic: 1, cam: 1 } })).toBeUndefined();
  expect(look(SILENCE, { heard: { mic: 1, cam: 1 } })).toBe("restartIce");
});
