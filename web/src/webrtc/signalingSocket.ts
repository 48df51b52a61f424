/**
 * Level 1: typed messages over a WebSocket that comes back by itself.
 *
 *     waiting ──► connecting ──► open
 *        ▲            │            │      lost: silence, close, error
 *        └────────────┴────────────┘
 *     any ──► suspended ──► connecting    the page is in the back-forward cache
 *     any ──► closed                      for good: left, superseded, refused
 */

import { PROTOCOL_VERSION, type ClientMessage, type Limits, type ServerMessage } from "../protocol/messages";
import { RESTART_ATTEMPTS_MAX, restartDelay, retryDelay } from "./backoff";
import { decode, type DecodedMessage } from "./decode";
import { logTo } from "./log";
import { pace, type Pace } from "./pace";
import { watchPage, type WatchPage } from "./pageEvents";
import type { ClientErrorCode, LogEntry, SignalingState } from "./types";

export type Welcome = Extract<ServerMessage, { type: "welcome" }>;

export type SignalingSocketOptions = {
  readonly url: string;
  /** The client's name and version, for the server's operator. */
  readonly client: string;
  readonly on: {
    readonly state?: (state: SignalingState) => void;
    /** A connection stands: whatever depends on it is to be said anew. */
    readonly welcome?: (welcome: Welcome) => void;
    /** Everything else but `ping` and `pong`, which are answered here. */
    readonly message?: (message: Exclude<DecodedMessage, { type: "welcome" | "ping" | "pong" }>) => void;
    /** The server said something that is not of the protocol. It was ignored. */
    readonly malformed?: (why: string) => void;
    readonly log?: (entry: LogEntry) => void;
  };
  /** For tests: another kind of socket, of dice, of page. */
  readonly openWebSocket?: (url: string) => WebSocket;
  readonly random?: () => number;
  readonly watchPage?: WatchPage;
};

export type SignalingSocket = {
  /** Sends, or returns `false` when no connection stands: what is said then is to be said anew at the next welcome. */
  readonly send: (message: ClientMessage) => boolean;
  /** Tries at once if waiting; asks the server for a sign of life if open. */
  readonly wake: () => void;
  /** Ends it for good, with a `leave` where that is the reason. */
  readonly close: (code: ClientErrorCode | "left") => void;
};

/** A page being closed or loaded anew says so with this close code: the server then waits 1.5 s only. */
const PAGE_CLOSED = 4001;
/** An attempt, or a connection that seems dead, is given up for another one. If the server hears it after all, nobody has left. */
const GIVEN_UP = 4002;
const NORMAL = 1000;
/** Lower: gives up on slow networks. Higher: hangs longer on an attempt that a firewall swallowed. */
const CONNECT_TIMEOUT_MS = 5_000;
/** An attempt older than this began before the network was back: waking starts it over. */
const STALE_ATTEMPT_MS = 1_000;
/** How long the server may take to answer a ping that was sent because of a doubt. Lower: a slow network is connected to anew for nothing. */
const DOUBT_MS = 750;
/** A connection that stood this long was a good one: the next failure starts counting anew. */
const STEADY_MS = 5_000;
/** More than this unsent in the socket means that nothing gets through any more. */
const BUFFERED_BYTES_MAX = 1024 * 1024;

/** The server goes down, and another one will answer. */
const SERVICE_RESTART = 1012;

/** The server's words for "do not come back". Joining can be refused too, but that is the owner's to tell. */
const FINAL_CODES: Partial<Record<number, ClientErrorCode>> = {
  4403: "removed",
  4406: "unsupportedVersion",
  4409: "superseded",
  4410: "meetingEnded",
};

type Timer = ReturnType<typeof setTimeout>;

type State =
  | { readonly name: "waiting"; readonly timer: Timer }
  | { readonly name: "connecting"; readonly socket: WebSocket; readonly since: number; readonly deadline: Timer }
  | {
      readonly name: "open";
      readonly socket: WebSocket;
      readonly limits: Limits;
      readonly pace: Pace;
      readonly since: number;
      watchdog: Timer;
    }
  | { readonly name: "suspended" }
  | { readonly name: "closed" };

export function signalingSocket(options: SignalingSocketOptions): SignalingSocket {
  const { url, client, on, openWebSocket = (it) => new WebSocket(it), random = Math.random } = options;
  const log = logTo(on.log);
  let attempt = 0;
  /** Whether the server said that it restarts, and is awaited. */
  let isRestarting = false;
  let state: State = { name: "suspended" };
  const stopWatching = (options.watchPage ?? watchPage)({ woke: wake, hidden: suspend, shown: connect });
  connect();

  function connect(): void {
    if (state.name === "closed") return;
    abandon(GIVEN_UP);
    let socket: WebSocket;
    try {
      socket = openWebSocket(url);
    } catch {
      // A malformed URL, or a policy that forbids it: not mended by trying, but the owner is told how it stands.
      log("connectionRefusedByBrowser", {}, "warn");
      return retryLater();
    }
    socket.onopen = () => sayOn(socket, { type: "hello", protocolVersion: PROTOCOL_VERSION, client });
    socket.onmessage = ({ data }: MessageEvent<unknown>) => receive(socket, data);
    socket.onclose = ({ code }) => {
      if (code === SERVICE_RESTART) expectRestart();
      lost(`closed ${code}`, FINAL_CODES[code]);
    };
    const deadline = setTimeout(() => lost("timed out"), CONNECT_TIMEOUT_MS);
    state = { name: "connecting", socket, since: performance.now(), deadline };
    if (attempt === 0) on.state?.({ state: "connecting" });
  }

  function receive(socket: WebSocket, data: unknown): void {
    heard();
    const decoding = typeof data === "string" ? decode(data) : ({ outcome: "unknown" } as const);
    switch (decoding.outcome) {
      case "message":
        return handle(socket, decoding.message);
      case "unknown":
        return log("unknownMessageIgnored", {}, "debug");
      case "malformed":
        log("malformedMessageIgnored", { why: decoding.why }, "warn");
        return on.malformed?.(decoding.why);
    }
  }

  function handle(socket: WebSocket, message: DecodedMessage): void {
    switch (message.type) {
      case "ping":
        return sayOn(socket, { type: "pong" });
      case "pong":
        return;
      case "welcome":
        return welcomed(socket, message);
      default:
        // The close code that follows may be lost.
        if (message.type === "error" && message.code === "serverStopping") expectRestart();
        on.message?.(message);
    }
  }

  /** One that says only this whenever it is asked is believed once: it is not asked ever faster. */
  function expectRestart(): void {
    if (attempt === 0 || isSteady()) isRestarting = true;
  }

  const isSteady = (): boolean => state.name === "open" && performance.now() - state.since >= STEADY_MS;

  function welcomed(socket: WebSocket, welcome: Welcome): void {
    if (state.name !== "connecting") return log("unexpectedWelcomeIgnored", {}, "warn");
    clearTimeout(state.deadline);
    isRestarting = false;
    const { limits } = welcome;
    const watchdog = setTimeout(() => lost("silent"), silenceAllowed(limits));
    const paced = pace(limits, (text) => socket.send(text));
    state = { name: "open", socket, limits, pace: paced, since: performance.now(), watchdog };
    log("signalingOpened");
    on.state?.({ state: "open" });
    on.welcome?.(welcome);
  }

  /** Any message is a sign of life. */
  function heard(): void {
    if (state.name === "open") expectSignOfLife(silenceAllowed(state.limits), () => lost("silent"));
  }

  function expectSignOfLife(withinMs: number, otherwise: () => void): void {
    if (state.name !== "open") return;
    clearTimeout(state.watchdog);
    state.watchdog = setTimeout(otherwise, withinMs);
  }

  /** It is the way to the server that is gone, not the server, so nobody else comes at the same time. */
  function unanswered(): void {
    const atOnce = isSteady();
    lost("unanswered");
    if (atOnce) wake();
  }

  function lost(why: string, final?: ClientErrorCode): void {
    log("signalingLost", { why });
    if (final) return close(final);
    if (isSteady()) attempt = 0;
    retryLater();
  }

  function retryLater(): void {
    abandon(GIVEN_UP);
    attempt += 1;
    if (isRestarting && attempt > RESTART_ATTEMPTS_MAX) {
      isRestarting = false;
      attempt = 1;
    }
    const retryInMs = isRestarting ? restartDelay(random) : retryDelay(attempt, random);
    state = { name: "waiting", timer: setTimeout(connect, retryInMs) };
    on.state?.({ state: "reconnecting", attempt, retryInMs, cause: isRestarting ? "restart" : "loss" });
  }

  /** Lets go of whatever the present state holds. */
  function abandon(closeCode: number): void {
    if (state.name === "waiting") clearTimeout(state.timer);
    if (state.name === "connecting") clearTimeout(state.deadline);
    if (state.name === "open") {
      clearTimeout(state.watchdog);
      state.pace.stop();
    }
    if (!("socket" in state)) return;
    const { socket } = state;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(closeCode);
  }

  function suspend(): void {
    if (state.name === "closed") return;
    abandon(PAGE_CLOSED);
    attempt = 0;
    isRestarting = false;
    state = { name: "suspended" };
  }

  function wake(): void {
    if (state.name === "waiting") return connect();
    if (state.name === "connecting" && performance.now() - state.since > STALE_ATTEMPT_MS) return connect();
    if (state.name !== "open") return;
    send({ type: "ping" });
    expectSignOfLife(DOUBT_MS, unanswered);
  }

  function send(message: ClientMessage): boolean {
    if (state.name !== "open") return false;
    const text = JSON.stringify(message);
    if (new TextEncoder().encode(text).length > state.limits.messageBytes) {
      log("tooLongMessageNotSent", { type: message.type }, "warn");
      return false;
    }
    if (state.socket.bufferedAmount > BUFFERED_BYTES_MAX) {
      lost("stuck");
      return false;
    }
    state.pace.send(text);
    return true;
  }

  function close(code: ClientErrorCode | "left"): void {
    if (state.name === "closed") return;
    if (code === "left" && state.name === "open") sayOn(state.socket, { type: "leave" });
    abandon(NORMAL);
    stopWatching();
    state = { name: "closed" };
    on.state?.({ state: "closed", code });
  }

  return { send, wake, close };
}

/** Past the server's own rule for us: whoever is still there has been silent for so long on neither side. */
function silenceAllowed({ pingIntervalMs, missedPongs }: Limits): number {
  return (missedPongs + 1) * Math.max(pingIntervalMs, 250);
}

/** Says what must not wait behind paced messages. */
function sayOn(socket: WebSocket, message: ClientMessage): void {
  if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
}
