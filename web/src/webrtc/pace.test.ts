import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { pace } from "./pace";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const LIMITS = { messageBurst: 10, messagesPerSecond: 5 };

function paced() {
  const sent: string[] = [];
  const { send, stop } = pace(LIMITS, (text) => sent.push(text));
  return { sent, stop, say: (count: number) => Array.from({ length: count }, (_, index) => send(String(index))) };
}

test("a few messages go at once", () => {
  const { sent, say } = paced();
  say(8);
  expect(sent).toHaveLength(8);
});

test("a burst is stretched below the server's rate, in order", () => {
  const { sent, say } = paced();
  say(20);
  expect(sent).toHaveLength(8);
  vi.advanceTimersByTime(1_000);
  expect(sent).toHaveLength(12);
  vi.advanceTimersByTime(10_000);
  expect(sent).toEqual(Array.from({ length: 20 }, (_, index) => String(index)));
});

test("nothing is sent after the end", () => {
  const { sent, say, stop } = paced();
  say(20);
  stop();
  vi.advanceTimersByTime(10_000);
  expect(sent).toHaveLength(8);
});

test("beyond the bound the oldest that wait are lost", () => {
  const { sent, say } = paced();
  say(8 + 1_001);
  vi.advanceTimersByTime(1_000_000);
  expect(sent).toHaveLength(8 + 1_000);
  expect(sent[8]).toBe("9");
});
