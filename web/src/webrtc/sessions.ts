/** The sessions of a call: one at a time, made anew when the server or the network has ended the one before. */

import type { ClientMessage, Demand, MediaSession, ParticipantId, Slot, Source } from "../protocol/messages";
import { retryDelay } from "./backoff";
import { clientError } from "./errors";
import { logTo } from "./log";
import type { LocalTracks } from "./senderLines";
import { sessionConnection, type SessionConnection, type SlotCounts } from "./sessionConnection";
import type { Callbacks, CameraCodec, ClientErrorCode, LinkState } from "./types";

export type SessionsOptions = {
  readonly iceServers: () => readonly RTCIceServer[];
  /** Loads what tells the server's own relays, for networks that let nothing else out. */
  readonly relays: () => Promise<() => readonly RTCIceServer[]>;
  readonly slots: SlotCounts;
  readonly stream: MediaStream;
  readonly tracks: () => LocalTracks;
  readonly codec: () => CameraCodec;
  readonly send: (message: ClientMessage) => void;
  /** The state of the session changed, or what its slots carry. */
  readonly onChange: () => void;
  /** Whether nothing gets through by UDP became something else. */
  readonly onBlocked: () => void;
  /** Nothing comes from the server for the moment. */
  readonly onDoubtful: () => void;
  readonly on: Callbacks;
  readonly random?: () => number;
  /** For tests: another way to connect. */
  readonly connect?: typeof sessionConnection;
};

/** What a slot carries, and the end at which it comes out. */
export type FilledSlot = Slot & { readonly receiver: RTCRtpReceiver };

export type Sessions = {
  /** There shall be a session, or none. */
  readonly want: (isWanted: boolean) => void;
  readonly answer: (session: MediaSession, sdp: string) => void;
  readonly closed: (session: MediaSession, code: ClientErrorCode, text: string) => void;
  readonly fill: (session: MediaSession, slots: readonly Slot[]) => void;
  readonly demand: (session: MediaSession, demands: readonly Demand[]) => void;
  readonly put: (source: Source, track: MediaStreamTrack | null) => void;
  readonly recode: () => void;
  /** Whether a session is there or will be. */
  readonly isWanted: () => boolean;
  /** `undefined` while there is no session. */
  readonly state: () => LinkState | undefined;
  readonly slot: (peer: ParticipantId, source: Source) => FilledSlot | undefined;
  readonly slots: () => readonly Slot[];
  readonly current: () => SessionConnection | undefined;
  /** Whether nothing gets through by UDP, and another way is tried. */
  readonly isBlocked: () => boolean;
  readonly resync: () => void;
  readonly wake: () => void;
};

type Session = { readonly number: MediaSession; readonly connection: SessionConnection; slots: readonly Slot[] };

/** The same offer would be refused again. */
const FINAL: readonly ClientErrorCode[] = ["badOffer", "mediaUnavailable"];
/** A session that stood this long was a good one: the next failure starts counting anew. */
const STEADY_MS = 10_000;
/**
 * A session that does not stand by then is made anew, with relays. Lower: they are asked where a slow network would do without. Higher: who
 * needs them waits for longer.
 */
const RELAY_AFTER_MS = 6_000;
/**
 * A session that was answered and does not stand by then has no way by UDP: what carried the answer works. Lower: slow networks are said to
 * block it. Higher: people look at each other's places for longer without a word.
 */
const BLOCKED_AFTER_MS = 3_000;

export function sessions(options: SessionsOptions): Sessions {
  const {
    iceServers,
    relays,
    slots,
    stream,
    tracks,
    codec,
    send,
    onChange,
    onBlocked,
    onDoubtful,
    on,
    random = Math.random,
  } = options;
  const connect = options.connect ?? sessionConnection;
  const log = logTo(on.log);
  let isWanted = false;
  /** The server has said that it will never be. */
  let isRefused = false;
  let lastNumber = 0;
  let attempt = 0;
  let connectedAt = Infinity;
  let current: Session | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let rescue: ReturnType<typeof setTimeout> | undefined;
  let doubt: ReturnType<typeof setTimeout> | undefined;
  let isBlocked = false;
  /** Tells the relays, once they were needed. They cost the server something, so nobody begins with them. */
  let relayed = (): readonly RTCIceServer[] => [];

  function make(): void {
    clearTimers();
    current?.connection.close();
    lastNumber += 1;
    const number = lastNumber;
    connectedAt = Infinity;
    log("sessionMade", { number });
    if (relayed().length === 0) rescue = setTimeout(() => rescueNow(number), RELAY_AFTER_MS);
    const connection = connect({
      iceServers: () => [...iceServers(), ...relayed()],
      slots,
      stream,
      tracks: tracks(),
      codec,
      on: {
        offer: (sdp, tracks) => send({ type: "mediaOffer", session: number, sdp, tracks }),
        state(state) {
          if (state === "connected") {
            connectedAt = performance.now();
            clearTimeout(rescue);
            clearTimeout(doubt);
            setBlocked(number, false);
          }
          // Firefox does not wait as long before it gives up, and each further session would begin to wait anew.
          if (state === "failed" && connectedAt === Infinity) rescueNow(number);
          onChange();
        },
        renewWanted: () => current?.number === number && again(),
        blocked: (isBlocked) => setBlocked(number, isBlocked),
        doubtful: onDoubtful,
        ...(on.log && { log: on.log }),
      },
    });
    current = { number, connection, slots: [] };
  }

  function rescueNow(number: MediaSession): void {
    if (relayed().length === 0) void relay(number).catch(() => log("relaysNotLoaded"));
  }

  /** Makes another one, with relays if there are any. */
  async function relay(number: MediaSession): Promise<void> {
    const tell = await relays();
    const isStill = current?.number === number && current.connection.state() !== "connected";
    if (!isStill || tell().length === 0) return;
    log("relaysAsked");
    relayed = tell;
    make();
  }

  function clearTimers(): void {
    clearTimeout(retry);
    clearTimeout(rescue);
    clearTimeout(doubt);
    doubt = retry = undefined;
  }

  /** The others are told, too: by the way that works. */
  function setBlocked(number: MediaSession, isNow: boolean): void {
    if (current?.number !== number || isBlocked === isNow) return;
    isBlocked = isNow;
    log("mediaBlocked", { isBlocked }, isBlocked ? "warn" : "info");
    send({ type: "mediaBlocked", session: number, blocked: isBlocked });
    onBlocked();
  }

  function answered(number: MediaSession, { connection }: Session, sdp: string): void {
    connection.answer(sdp);
    if (connectedAt === Infinity) doubt ??= setTimeout(() => setBlocked(number, true), BLOCKED_AFTER_MS);
  }

  /** What was said of the session may have been lost. */
  function resync(): void {
    if (current && isBlocked) send({ type: "mediaBlocked", session: current.number, blocked: true });
    current?.connection.resync();
  }

  function again(): void {
    if (!isWanted || isRefused || retry !== undefined) return;
    if (performance.now() - connectedAt >= STEADY_MS) attempt = 0;
    attempt += 1;
    retry = setTimeout(make, retryDelay(attempt, random));
  }

  function end(): void {
    clearTimers();
    current?.connection.close();
    current = undefined;
  }

  /** What is said about a session that is no more is out of date. */
  function about(number: MediaSession, then: (session: Session) => void): void {
    if (current?.number === number) then(current);
    else log("messageOfAnotherSessionIgnored", { number }, "debug");
  }

  function closed(number: MediaSession, code: ClientErrorCode, text: string): void {
    about(number, () => {
      log("sessionClosed", { number, code }, "warn");
      end();
      isRefused = FINAL.includes(code);
      if (isRefused || code === "serverBusy") on.error?.(clientError(code, text));
      again();
      onChange();
    });
  }

  return {
    want(wanted) {
      if (wanted === isWanted) return;
      isWanted = wanted;
      isRefused = isBlocked = false;
      attempt = 0;
      if (wanted) make();
      else end();
      onChange();
    },
    answer: (number, sdp) => about(number, (session) => answered(number, session, sdp)),
    closed,
    fill: (number, filled) =>
      about(number, (session) => {
        session.slots = filled;
        onChange();
      }),
    demand: (number, demands) => about(number, ({ connection }) => connection.demand(demands)),
    put: (source, track) => current?.connection.put(source, track),
    recode: () => current?.connection.recode(),
    isWanted: () => isWanted && !isRefused,
    state: () => current?.connection.state(),
    slots: () => current?.slots ?? [],
    slot(peer, source) {
      const slot = current?.slots.find((it) => it.participant === peer && it.source === source);
      const receiver = slot && current?.connection.receiver(slot.mid);
      return slot && receiver && { ...slot, receiver };
    },
    current: () => current?.connection,
    isBlocked: () => isBlocked,
    resync,
    wake: () => current?.connection.wake(),
  };
}
