import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { signalingSocket } from "./signalingSocket";
import { fakeBrowser, fakePage, FakeWebSocket, realBrowser, WELCOME } from "./testing";
import type { SignalingState } from "./types";

beforeEach(fakeBrowser);
afterEach(realBrowser);

function connecting() {
  const states: SignalingState[] = [];
  const heard: string[] = [];
  const { watchPage, page } = fakePage();
  const socket = signalingSocket({
    url: "wss://allo.example/ws",
    client: "test",
    random: () => 1,
    watchPage,
    on: {
      state: (state) => states.push(state),
      welcome: () => heard.push("welcome"),
      message: ({ type }) => heard.push(type),
      malformed: (why) => heard.push(why),
    },
  });
  return { socket, states, heard, page, last: () => states.at(-1) };
}

function open() {
  const it = connecting();
  FakeWebSocket.last().accept().hear(WELCOME);
  return it;
}

/** Lets the server ping as it does, for as long as told. */
function pingFor(ms: number): void {
  for (let passed = 0; passed < ms; passed += 1_500) {
    FakeWebSocket.last().hear({ type: "ping" });
    vi.advanceTimersByTime(1_500);
  }
}

describe("the conversation", () => {
  test("says hello, and is open at the welcome", () => {
    const { heard, states } = connecting();
    const server = FakeWebSocket.last().accept();
    expect(server.said).toEqual([{ type: "hello", protocolVersion: 1, client: "test" }]);
    server.hear(WELCOME);
    expect(states).toEqual([{ state: "connecting" }, { state: "open" }]);
    expect(heard).toEqual(["welcome"]);
  });

  test("answers a ping at once and keeps it to itself", () => {
    const { heard } = open();
    FakeWebSocket.last().hear({ type: "ping" });
    expect(FakeWebSocket.last().types()).toEqual(["hello", "pong"]);
    expect(heard).toEqual(["welcome"]);
  });

  test("survives what is unknown, malformed or not text", () => {
    const { heard } = open();
    FakeWebSocket.last().hear('{"type":"confetti"}').hear("{").hear({ type: "pong" });
    FakeWebSocket.last().onmessage?.({ data: new ArrayBuffer(8) });
    expect(heard).toEqual(["welcome", "the message is not JSON"]);
  });

  test("refuses to send before it is open, and what is too long", () => {
    const { socket } = connecting();
    expect(socket.send({ type: "requestSnapshot" })).toBe(false);
    FakeWebSocket.last().accept().hear(WELCOME);
    expect(socket.send({ type: "updateSelf", displayName: "é".repeat(40_000) })).toBe(false);
    expect(socket.send({ type: "requestSnapshot" })).toBe(true);
    expect(FakeWebSocket.last().types()).toEqual(["hello", "requestSnapshot"]);
  });

  test("a second welcome changes nothing", () => {
    const { heard } = open();
    FakeWebSocket.last().hear(WELCOME);
    expect(heard).toEqual(["welcome"]);
  });
});

describe("reconnection", () => {
  test("goes on for ever, ever slower", () => {
    const { states } = connecting();
    for (let attempt = 1; attempt <= 50; attempt += 1) {
      FakeWebSocket.last().drop();
      vi.advanceTimersByTime(5_000);
      expect(FakeWebSocket.opened).toHaveLength(attempt + 1);
    }
    const retries = states.flatMap((it) => (it.state === "reconnecting" ? [it.retryInMs] : []));
    expect(retries.slice(0, 6)).toEqual([500, 1_000, 1_500, 1_500, 1_500, 1_500]);
  });

  test("a good connection makes the next failure the first one again", () => {
    const { last } = connecting();
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      FakeWebSocket.last().drop();
      vi.advanceTimersByTime(5_000);
    }
    FakeWebSocket.last().accept().hear(WELCOME);
    pingFor(6_000);
    FakeWebSocket.last().drop();
    expect(last()).toMatchObject({ state: "reconnecting", attempt: 1 });
  });

  test("a server that says welcome and leaves is not asked ever faster", () => {
    const { last } = connecting();
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      FakeWebSocket.last().accept().hear(WELCOME).drop();
      vi.advanceTimersByTime(5_000);
    }
    FakeWebSocket.last().accept().hear(WELCOME).drop();
    expect(last()).toMatchObject({ state: "reconnecting", attempt: 4 });
  });

  test("a server that says that it restarts is awaited at short intervals, and then as any other", () => {
    const { states } = open();
    FakeWebSocket.last().hear({ type: "error", code: "serverStopping", text: "", fatal: true }).drop();
    for (let attempt = 1; attempt <= 33; attempt += 1) {
      vi.advanceTimersByTime(5_000);
      FakeWebSocket.last().drop();
    }
    const retries = states.flatMap((it) => (it.state === "reconnecting" ? [it] : []));
    expect(retries[0]).toEqual({ state: "reconnecting", attempt: 1, retryInMs: 350, cause: "restart" });
    expect(retries.slice(0, 30).every(({ cause, retryInMs }) => cause === "restart" && retryInMs === 350)).toBe(true);
    expect(retries.slice(30, 33)).toMatchObject([
      { attempt: 1, retryInMs: 500, cause: "loss" },
      { attempt: 2, retryInMs: 1_000, cause: "loss" },
      { attempt: 3, retryInMs: 1_500, cause: "loss" },
    ]);
  });

  test("the close code alone says that the server restarts", () => {
    const { last } = open();
    FakeWebSocket.last().drop(1012);
    expect(last()).toMatchObject({ state: "reconnecting", cause: "restart" });
  });

  test("a server that says nothing but that it restarts is not asked ever faster", () => {
    const { states } = open();
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      FakeWebSocket.last().drop(1012);
      vi.advanceTimersByTime(5_000);
      FakeWebSocket.last().accept().hear(WELCOME);
    }
    const retries = states.flatMap((it) => (it.state === "reconnecting" ? [it.retryInMs] : []));
    expect(retries).toEqual([350, 1_000, 1_500, 1_500]);
  });

  test("an attempt that hangs is given up", () => {
    connecting();
    vi.advanceTimersByTime(5_000 + 500);
    expect(FakeWebSocket.opened).toHaveLength(2);
    expect(FakeWebSocket.opened[0]?.closedWith).toBe(4002);
  });

  test("a lost connection is deaf: what it still says is not heard", () => {
    const { heard } = open();
    const [lost] = FakeWebSocket.opened;
    const { onmessage } = lost!;
    lost!.drop();
    expect(lost!.onmessage).toBeNull();
    expect(onmessage).not.toBeNull();
    expect(heard).toEqual(["welcome"]);
  });

  test("a browser that forbids the connection is asked again", () => {
    const states: SignalingState[] = [];
    signalingSocket({
      url: "ws://elsewhere.example/ws",
      client: "test",
      on: { state: (state) => states.push(state) },
      openWebSocket: () => {
        throw new DOMException("forbidden", "SecurityError");
      },
    });
    vi.advanceTimersByTime(500);
    expect(states).toMatchObject([{ attempt: 1 }, { attempt: 2 }]);
  });
});

describe("the heartbeat", () => {
  test("a connection with pings stands", () => {
    const { last } = open();
    pingFor(600_000);
    expect(last()).toEqual({ state: "open" });
    expect(FakeWebSocket.opened).toHaveLength(1);
  });

  test("silence for longer than the server would bear is a loss", () => {
    const { last } = open();
    vi.advanceTimersByTime(5_999);
    expect(last()).toEqual({ state: "open" });
    vi.advanceTimersByTime(1);
    expect(last()).toMatchObject({ state: "reconnecting", attempt: 1 });
  });

  test("waking asks for a sign of life, and soon gives up", () => {
    const { page, last } = open();
    page.woke();
    expect(FakeWebSocket.last().types()).toEqual(["hello", "ping"]);
    vi.advanceTimersByTime(1_000);
    expect(last()).toMatchObject({ state: "reconnecting" });
    expect(FakeWebSocket.last().closedWith, "no word that somebody has left").toBe(4002);
  });

  test("a connection that stood and does not answer after waking is replaced at once, another one later", () => {
    const { page } = open();
    pingFor(6_000);
    page.woke();
    vi.advanceTimersByTime(750);
    expect(FakeWebSocket.opened).toHaveLength(2);
    FakeWebSocket.last().accept().hear(WELCOME);
    page.woke();
    vi.advanceTimersByTime(750);
    expect(FakeWebSocket.opened).toHaveLength(2);
    vi.advanceTimersByTime(1_000);
    expect(FakeWebSocket.opened).toHaveLength(3);
  });

  test("an answer after waking is enough", () => {
    const { page, last } = open();
    page.woke();
    FakeWebSocket.last().hear({ type: "pong" });
    vi.advanceTimersByTime(5_000);
    expect(last()).toEqual({ state: "open" });
  });

  test("waking ends the wait between attempts, and an attempt that began without a network", () => {
    const { socket } = connecting();
    FakeWebSocket.last().drop();
    socket.wake();
    expect(FakeWebSocket.opened).toHaveLength(2);
    vi.advanceTimersByTime(500);
    socket.wake();
    expect(FakeWebSocket.opened).toHaveLength(2);
    vi.advanceTimersByTime(1_000);
    socket.wake();
    expect(FakeWebSocket.opened).toHaveLength(3);
  });
});

describe("the end", () => {
  test("leaving is said, and final", () => {
    const { socket, last, page } = open();
    socket.close("left");
    expect(FakeWebSocket.last().types()).toEqual(["hello", "leave"]);
    expect(last()).toEqual({ state: "closed", code: "left" });
    page.woke();
    page.shown();
    vi.advanceTimersByTime(60_000);
    expect(FakeWebSocket.opened).toHaveLength(1);
    expect(socket.send({ type: "requestSnapshot" })).toBe(false);
  });

  test.each([
    [4409, "superseded"],
    [4406, "unsupportedVersion"],
  ])("close code %i is final", (code, reason) => {
    const { last } = open();
    FakeWebSocket.last().drop(code);
    vi.advanceTimersByTime(60_000);
    expect(last()).toEqual({ state: "closed", code: reason });
    expect(FakeWebSocket.opened).toHaveLength(1);
  });

  test.each([1000, 1001, 1006, 1012, 4400, 4408, 4413, 4429])("close code %i is not", (code) => {
    open();
    FakeWebSocket.last().drop(code);
    vi.advanceTimersByTime(500);
    expect(FakeWebSocket.opened).toHaveLength(2);
  });
});

describe("the page", () => {
  test("that is closed says so; one that comes back connects at once", () => {
    const { page } = open();
    page.hidden();
    expect(FakeWebSocket.last().closedWith).toBe(4001);
    vi.advanceTimersByTime(60_000);
    expect(FakeWebSocket.opened).toHaveLength(1);
    page.shown();
    expect(FakeWebSocket.opened).toHaveLength(2);
  });
});
