import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { linkHealth, linkState } from "./linkHealth";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function watched() {
  const events: string[] = [];
  const health = linkHealth({
    onState: (state) => events.push(state),
    restartIce: () => events.push("restartIce"),
    renew: () => events.push("renew"),
    log: () => {},
  });
  return { health, events, count: (event: string) => events.filter((it) => it === event).length };
}

function connected() {
  const it = watched();
  it.health.changed("connecting", "checking");
  it.health.changed("connected", "connected");
  it.events.length = 0;
  return it;
}

test("a link that stands is left alone", () => {
  const { events } = connected();
  vi.advanceTimersByTime(600_000);
  expect(events).toEqual([]);
});

test("a hiccup is not worth an ICE restart", () => {
  const { health, events } = connected();
  health.changed("disconnected", "disconnected");
  vi.advanceTimersByTime(1_500);
  health.changed("connected", "connected");
  vi.advanceTimersByTime(60_000);
  expect(events).toEqual(["interrupted", "connected"]);
});

test("an interruption restarts ICE, again, and then asks for another link, for ever", () => {
  const { health, events, count } = connected();
  health.changed("disconnected", "disconnected");
  vi.advanceTimersByTime(15_000);
  expect(events).toEqual(["interrupted", "restartIce", "restartIce", "renew"]);
  vi.advanceTimersByTime(45_000);
  expect(count("renew")).toBe(4);
});

test("the restart's own states do not begin the waiting anew", () => {
  const { health, count } = connected();
  health.changed("disconnected", "disconnected");
  vi.advanceTimersByTime(2_000);
  health.changed("connecting", "checking");
  vi.advanceTimersByTime(13_000);
  expect(count("renew")).toBe(1);
});

test("a failure restarts ICE at once, but not faster than ICE can check", () => {
  const { health, count } = connected();
  health.changed("failed", "failed");
  health.changed("connecting", "checking");
  health.changed("failed", "failed");
  expect(count("restartIce")).toBe(1);
});

test("a link that never stood is given time, and then up for another; waking does not disturb it", () => {
  const { health, events } = watched();
  health.changed("connecting", "checking");
  health.wake();
  vi.advanceTimersByTime(15_000);
  expect(events).toEqual(["connecting", "renew"]);
});

test("a first attempt that fails is not waited for", () => {
  const { health, events } = watched();
  health.changed("failed", "failed");
  vi.advanceTimersByTime(2_000);
  expect(events).toEqual(["failed", "renew"]);
});

test("what DTLS broke is not mended by ICE", () => {
  const { health, events } = connected();
  health.changed("failed", "connected");
  vi.advanceTimersByTime(2_000);
  expect(events).toEqual(["failed", "renew"]);
});

test("waking mends what does not stand, and nothing else", () => {
  const { health, events } = connected();
  health.wake();
  expect(events).toEqual([]);
  health.changed("disconnected", "disconnected");
  health.wake();
  expect(events).toEqual(["interrupted", "restartIce"]);
});

test("a link that stands and is deaf is mended as it was found best", () => {
  const { health, events } = connected();
  health.deaf("restartIce");
  health.deaf("renew");
  expect(events).toEqual(["restartIce", "renew"]);
});

test("a closed link is silent", () => {
  const { health, events } = connected();
  health.changed("disconnected", "disconnected");
  health.close();
  events.length = 0;
  health.changed("failed", "failed");
  health.broken("too late");
  health.deaf("renew");
  health.wake();
  vi.advanceTimersByTime(60_000);
  expect(events).toEqual([]);
});

test("a person hears of interruptions only after the link stood", () => {
  expect(linkState("connecting", false)).toBe("connecting");
  expect(linkState("connecting", true)).toBe("interrupted");
  expect(linkState("disconnected", true)).toBe("interrupted");
});
