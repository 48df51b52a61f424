import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ClientMessage } from "../protocol/messages";
import type { SessionConnection, SessionConnectionOptions } from "./sessionConnection";
import { sessions } from "./sessions";
import type { ClientErrorCode, LinkState } from "./types";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A connection to the server of which only the handling is real. */
class FakeConnection {
  state: LinkState = "new";
  readonly done: string[] = [];
  constructor(readonly options: SessionConnectionOptions) {}

  enter(state: LinkState): void {
    this.state = state;
    this.options.on.state?.(state);
  }

  asConnection(): SessionConnection {
    const note = (what: string) => () => void this.done.push(what);
    return {
      fileChannel: () => ({}) as RTCDataChannel,
      answer: (sdp) => void this.done.push(`answer ${sdp}`),
      put: (source) => void this.done.push(`put ${source}`),
      demand: (demands) => void this.done.push(`demand ${demands.map(({ mid }) => mid).join()}`),
      receiver: (mid) => ({ track: { id: mid } }) as unknown as RTCRtpReceiver,
      state: () => this.state,
      connectionStates: () => ({ connectionState: "new", iceConnectionState: "new", signalingState: "stable" }),
      recode: note("recode"),
      resync: note("resync"),
      wake: note("wake"),
      report: () => Promise.resolve(new Map()),
      close: note("close"),
    };
  }
}

const RELAY: RTCIceServer = { urls: "turns:meet.example.org:8443?transport=tcp" };

function called(relays: readonly RTCIceServer[] = []) {
  const made: FakeConnection[] = [];
  const said: ClientMessage[] = [];
  const errors: ClientErrorCode[] = [];
  const it = sessions({
    iceServers: () => [],
    relays: () => Promise.resolve(() => relays),
    slots: { audio: 3, video: 9 },
    stream: {} as MediaStream,
    tracks: () => ({ mic: null, cam: null, screen: null, screenAudio: null }),
    codec: () => "vp8",
    send: (message) => said.push(message),
    onChange: () => {},
    onBlocked: () => {},
    onDoubtful: () => {},
    on: { error: ({ code }) => errors.push(code) },
    random: () => 1,
    connect(options) {
      const connection = new FakeConnection(options);
      made.push(connection);
      return connection.asConnection();
    },
  });
  it.want(true);
  return { ...it, made, said, errors };
}

test("one session is made, and wanting it again makes no other", () => {
  const { want, made } = called();
  want(true);
  expect(made).toHaveLength(1);
  want(false);
  expect(made[0]?.done).toEqual(["close"]);
});

test("an offer says which session it is of, and the answer finds it", () => {
  const { made, said, answer } = called();
  made[0]?.options.on.offer("v=0", [{ mid: "0", source: "mic" }]);
  expect(said).toEqual([{ type: "mediaOffer", session: 1, sdp: "v=0", tracks: [{ mid: "0", source: "mic" }] }]);
  answer(1, "yes");
  answer(7, "of another");
  expect(made[0]?.done).toEqual(["answer yes"]);
});

test.each(["mediaLost", "mediaFault", "serverBusy"] as const)("after %s there is a new one, after a pause", (code) => {
  const { made, closed, said } = called();
  closed(1, code, "Over.");
  expect(made).toHaveLength(1);
  vi.advanceTimersByTime(500);
  expect(made).toHaveLength(2);
  made[1]?.options.on.offer("v=0", []);
  expect(said).toMatchObject([{ session: 2 }]);
});

test("the pause grows, and is short again after a session that stood", () => {
  const { made, closed } = called();
  const pauses: number[] = [];
  const end = (): void => {
    const before = made.length;
    closed(before, "mediaLost", "Over.");
    let pause = 0;
    for (; made.length === before; pause += 50) vi.advanceTimersByTime(50);
    pauses.push(pause);
  };
  end();
  end();
  end();
  made.at(-1)?.enter("connected");
  vi.advanceTimersByTime(60_000);
  end();
  expect(pauses).toEqual([500, 1_000, 1_500, 500]);
});

test("relays are for a session that does not stand without them, and for those after it", async () => {
  const { made, want } = called([RELAY]);
  await vi.advanceTimersByTimeAsync(5_999);
  expect(made.map(({ options }) => options.iceServers())).toEqual([[]]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(made.slice(1).map(({ options }) => options.iceServers())).toEqual([[RELAY]]);
  expect(made[0]?.done).toEqual(["close"]);
  want(false);
  want(true);
  expect(made[2]?.options.iceServers()).toEqual([RELAY]);
});

test("relays are for a session that fails before it stood, as soon as it does", async () => {
  const { made } = called([RELAY]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(made.map(({ options }) => options.iceServers())).toEqual([[]]);
  made[0]?.enter("failed");
  await vi.advanceTimersByTimeAsync(0);
  expect(made.slice(1).map(({ options }) => options.iceServers())).toEqual([[RELAY]]);
  made[1]?.enter("failed");
  await vi.advanceTimersByTimeAsync(0);
  expect(made).toHaveLength(2);
});

test.each(["a session stands", "there are none", "no session is wanted"])("if %s no relays are asked", async (why) => {
  const { made, want } = called(why === "there are none" ? [] : [RELAY]);
  if (why === "a session stands") made[0]?.enter("connected");
  if (why === "no session is wanted") want(false);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(made).toHaveLength(1);
});

test.each(["badOffer", "mediaUnavailable"] as const)(
  "after %s nothing is offered again, and the owner is told",
  (code) => {
    const { made, closed, errors, isWanted } = called();
    closed(1, code, "No.");
    vi.advanceTimersByTime(60_000);
    expect(made).toHaveLength(1);
    expect(errors).toEqual([code]);
    expect(isWanted()).toBe(false);
  },
);

test("a connection that cannot be mended is replaced", () => {
  const { made } = called();
  made[0]?.options.on.renewWanted?.();
  made[0]?.options.on.renewWanted?.();
  vi.advanceTimersByTime(60_000);
  expect(made).toHaveLength(2);
  expect(made[0]?.done).toEqual(["close"]);
});

test("slots tell whose track comes where, until they are filled anew", () => {
  const { fill, slot } = called();
  fill(1, [{ mid: "4", participant: "ada", source: "cam", paused: false }]);
  expect(slot("ada", "cam")?.receiver.track.id).toBe("4");
  expect(slot("ada", "screen")).toBeUndefined();
  fill(1, []);
  expect(slot("ada", "cam")).toBeUndefined();
  fill(2, [{ mid: "4", participant: "ada", source: "cam", paused: false }]);
  expect(slot("ada", "cam")).toBeUndefined();
});

const blocks = (said: readonly ClientMessage[]) => said.filter(({ type }) => type === "mediaBlocked");

test("a session that is answered and does not stand has no way by UDP, and the server is told until it has one", () => {
  const { made, answer, said, isBlocked } = called();
  vi.advanceTimersByTime(2_000);
  answer(1, "yes");
  vi.advanceTimersByTime(2_999);
  expect(blocks(said)).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(blocks(said)).toEqual([{ type: "mediaBlocked", session: 1, blocked: true }]);
  expect(isBlocked()).toBe(true);
  made[0]?.enter("connected");
  expect(blocks(said).at(-1)).toEqual({ type: "mediaBlocked", session: 1, blocked: false });
});

test("a block in mid-call is told, and told again to a server that may not have heard it", () => {
  const { made, answer, said, resync } = called();
  answer(1, "yes");
  made[0]?.enter("connected");
  resync();
  expect(blocks(said)).toEqual([]);
  made[0]?.options.on.blocked?.(true);
  resync();
  const blocked = { type: "mediaBlocked", session: 1, blocked: true };
  expect(blocks(said)).toEqual([blocked, blocked]);
});
