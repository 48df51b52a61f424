/** One stay in one room, from joining to leaving, over however many connections it takes. */

import type {
  ClientMessage,
  InstanceId,
  ParticipantId,
  ParticipantKey,
  PictureLimits,
  Relay,
  Source,
} from "../protocol/messages";
import type { DecodedMessage } from "./decode";
import { clientError } from "./errors";
import { nextAttempt } from "./identity";
import { links } from "./links";
import type { LocalMedia } from "./localMedia";
import { logTo } from "./log";
import { watchPage } from "./pageEvents";
import { remotes, type Remotes } from "./remotes";
import {
  afterChange,
  find,
  fromSnapshot,
  missing,
  withoutAwaited,
  type Roster,
  type RosterChange,
  type Snapshot,
} from "./roster";
import type { ScreenShare } from "./screenShare";
import type { LocalTracks } from "./senderLines";
import type { SlotCounts } from "./sessionConnection";
import { sessions } from "./sessions";
import { signalingSocket, type Welcome } from "./signalingSocket";
import type {
  Callbacks,
  CameraCodec,
  ClientError,
  ClientErrorCode,
  JoinOptions,
  MeetingMessage,
  Negotiation,
  SignalingState,
} from "./types";
import { vouching } from "./vouching";

export type CallOptions = {
  readonly url: string;
  readonly negotiation: Negotiation;
  /** Instead of those that the server names. */
  readonly iceServers?: readonly RTCIceServer[];
  readonly wish: JoinOptions & { readonly participantKey: ParticipantKey };
  readonly instance: InstanceId;
  readonly slots: SlotCounts;
  readonly local: LocalMedia;
  readonly screen: ScreenShare;
  readonly codec: () => CameraCodec;
  readonly pictureLimits: () => PictureLimits;
  readonly on: Callbacks;
  /** The room was entered for the first time. */
  readonly onEntered: (self: ParticipantId) => void;
  /** It is over, for a reason that is not `leave`. */
  readonly onEnded: (error: ClientError) => void;
};

export type Call = {
  readonly remotes: Pick<Remotes, "stream" | "stats" | "setTiles">;
  /** What is sent of the own microphone, camera or screen changed. */
  readonly changed: (source: "mic" | "cam" | "screen") => void;
  readonly setDisplayName: (name: string) => void;
  readonly say: (message: MeetingMessage) => void;
  /** What `codec` says has changed. */
  readonly recode: () => void;
  /** What `pictureLimits` says has changed. */
  readonly sayPictureLimits: () => void;
  readonly fileChannel: () => RTCDataChannel | undefined;
  readonly wake: () => void;
  readonly leave: () => void;
};

/** No version: the server delivers this client itself, and knows its own. */
const CLIENT = "allo-web";
/** Attempts that failed in a row before the owner is told in an error, too. */
const UNREACHABLE_AFTER = 3;

/**
 * How long those are awaited whom a restarted server does not know yet, and links carry on that it does not know. Lower: tiles
 * go and come back. Higher: who left meanwhile is shown for longer.
 */
const AWAIT_MS = 10_000;

const BLOCKED = { media: "blocked" } as const;

/** After these the server closes the connection, and the next one may well do better. */
const PASSING: readonly ClientErrorCode[] = ["serverStopping", "timedOut", "tooSlow", "tooManyMessages"];

/** The person is out, and comes back only by their own wish. */
const FINAL: readonly ClientErrorCode[] = [
  "superseded",
  "unsupportedVersion",
  "denied",
  "removed",
  "banned",
  "meetingEnded",
];

export function call(options: CallOptions): Call {
  const { local, screen, on, onEntered, onEnded } = options;
  const log = logTo(on.log);
  let iceServers: readonly RTCIceServer[] = [];
  /** How the browser learns how it is seen from outside, which is of no use to sessions. */
  let stun: readonly RTCIceServer[] = [];
  let relay: Relay | undefined;
  let hasMediaPlane = false;
  let fileBytes = 0;
  let roster: Roster | undefined;
  /** Whether this connection has joined: until its snapshot came, an error is the answer to `join`. */
  let hasJoined = false;
  let snapshotRequested = false;
  let { displayName } = options.wish;
  let isOver = false;
  let awaiting: ReturnType<typeof setTimeout> | undefined;

  const peers = links({
    negotiation: options.negotiation,
    iceServers: () => options.iceServers ?? [...iceServers, ...stun],
    stream: local.stream,
    track: local.track,
    pictureLimits: options.pictureLimits,
    send,
    isReachable: (peer) => hasJoined && participant(peer)?.connection === "online",
    sends(peer) {
      // Who is not online cannot say that a device was turned off.
      const { mic = false, cam = false, connection } = participant(peer) ?? {};
      return connection === "online" ? { mic, cam } : { mic: false, cam: false };
    },
    onChange: () => others.refresh(),
    onDoubtful: () => socket.wake(),
    on,
  });
  const server = sessions({
    iceServers: () => options.iceServers ?? iceServers,
    async relays() {
      const { relayServers } = await import("./relayServers");
      return () => (relay && !options.iceServers ? relayServers(options.url, relay) : []);
    },
    slots: options.slots,
    stream: local.stream,
    tracks,
    codec: options.codec,
    send,
    onChange: () => others.refresh(),
    onBlocked: () => roster && rosterChanged(roster),
    onDoubtful: () => socket.wake(),
    on,
  });
  const { pictureLimits } = options;
  const others = remotes({ roster: () => roster, links: peers, sessions: server, pictureLimits, send, on });
  const stopVouching = vouching({
    reconnecting: () => (roster ? missing(roster) : []),
    arrivals: peers.arrivals,
    vouch: (peer) => send({ type: "vouch", peer }),
  });
  const stopWatching = watchPage({ woke: wakeMedia });
  const socket = signalingSocket({
    url: options.url,
    client: CLIENT,
    on: {
      state: signalingChanged,
      welcome: join,
      message: handle,
      malformed: (why) => on.error?.(clientError("badServerMessage", `The server sent something odd: ${why}.`)),
      ...(on.log && { log: on.log }),
    },
  });

  function send(message: ClientMessage): void {
    if (hasJoined) socket.send(message);
  }

  function tracks(): LocalTracks {
    return {
      mic: local.track("mic"),
      cam: local.track("cam"),
      screen: screen.track("screen"),
      screenAudio: screen.track("screenAudio"),
    };
  }

  function wakeMedia(): void {
    peers.wake();
    server.wake();
  }

  const own = () => ({ mic: local.isOn("mic"), cam: local.isOn("cam"), screen: screen.isOn() });
  const participant = (id: ParticipantId) => (roster ? find(roster, id) : undefined);

  function signalingChanged(state: SignalingState): void {
    if (state.state !== "open") hasJoined = false;
    on.signaling?.(state);
    // The server's close code alone can say that it is over, if the error before it was lost.
    if (state.state === "closed" && state.code !== "left") {
      return end(clientError(state.code, "The server ended the call.", { fatal: true }));
    }
    if (state.state !== "reconnecting" || state.cause === "restart" || state.attempt !== UNREACHABLE_AFTER) return;
    on.error?.(clientError("signalingUnreachable", "The server does not answer. Trying on."));
  }

  function join(welcome: Welcome): void {
    iceServers = welcome.iceServers.map(({ urls, ...rest }) => ({ urls: [...urls], ...rest }));
    stun = welcome.stunPort ? [{ urls: `stun:${new URL(options.url).hostname}:${welcome.stunPort}` }] : [];
    hasMediaPlane = welcome.features.sfu ?? false;
    fileBytes = welcome.limits.fileBytes ?? 0;
    const { wish, instance } = options;
    socket.send({ type: "join", ...wish, displayName, instance, attempt: nextAttempt(), ...own() });
  }

  function handle(message: Exclude<DecodedMessage, { type: "welcome" | "ping" | "pong" }>): void {
    switch (message.type) {
      case "snapshot":
        return replaceRoster(message);
      case "participantJoined":
      case "participantUpdated":
      case "participantLeft":
      case "topologyChanged":
        return changeRoster(message);
      case "greet":
        return peers.greet(message.peer, message.link, message.polite);
      case "sessionDescription":
      case "iceCandidate": {
        const { from, link, ...signal } = message;
        return peers.receive(from, link, signal);
      }
      case "pictureLimits":
        return peers.limitPictures(message.from, message.link, message.limits);
      case "linkClosed":
        return peers.closed(message.peer, message.link);
      case "relay":
        relay = message.relay;
        return;
      case "mediaAnswer":
        return server.answer(message.session, message.sdp);
      case "mediaClosed":
        return server.closed(message.session, message.code, message.text);
      case "slots":
        return server.fill(message.session, message.slots);
      case "demand":
        return server.demand(message.session, message.tracks);
      case "speakers":
        return on.speakers?.(message.speaking, message.active);
      case "roomUpdated":
        return changeRoster(message);
      case "waiting":
        return on.waiting?.();
      case "knocking":
        return on.knocking?.(message.people);
      case "turnedOff":
        return on.turnedOff?.(message.device, message.by);
      case "askedToTurnOn":
        return on.askedToTurnOn?.(message.device, message.by);
      case "chat":
        return on.chat?.([message.message], false);
      case "chatHistory":
        return on.chat?.(message.messages, true);
      case "fileOffered":
      case "filesOffered":
      case "fileWithdrawn":
      case "fileAccepted":
      case "fileEnded":
        return on.file?.(message);
      case "reacted":
        return on.reacted?.(message.participant, message.reaction);
      case "error":
        return refused(message.code, message.text, message.fatal);
    }
  }

  function replaceRoster(snapshot: Snapshot): void {
    const former = roster;
    roster = fromSnapshot(snapshot, former);
    hasJoined = true;
    snapshotRequested = false;
    // With another id one is another participant, to whom the old links do not belong.
    if (former && former.self !== roster.self) peers.keepOnly(new Set());
    if (!snapshot.resumed) beginAnew();
    sayWhatChangedMeanwhile(roster);
    rosterChanged(roster);
    const hasSession = hasMediaPlane && roster.topologyChoice !== "mesh";
    on.fileBytes?.(hasSession ? fileBytes : 0);
    // What is still on offer is told next, if there is any.
    on.file?.({ type: "filesOffered", files: [] });
    server.want(hasSession);
    if (former) {
      others.resync();
      server.resync();
    }
    shareScreen();
    if (!former) onEntered(roster.self);
  }

  /** The server knows nothing of what was before. Links carry on until they are replaced. */
  function beginAnew(): void {
    server.want(false);
    const closeOutdated = peers.outdate();
    clearTimeout(awaiting);
    awaiting = setTimeout(() => {
      closeOutdated();
      if (!roster) return;
      roster = withoutAwaited(roster);
      rosterChanged(roster);
    }, AWAIT_MS);
  }

  function changeRoster(change: RosterChange): void {
    if (!roster) return;
    const changed = afterChange(roster, change);
    if (changed === "gap") return requestSnapshot();
    roster = changed;
    rosterChanged(roster);
  }

  function requestSnapshot(): void {
    if (snapshotRequested) return;
    snapshotRequested = true;
    log("gapNoticed");
    send({ type: "requestSnapshot" });
  }

  function rosterChanged({ self, room, participants, settings }: Roster): void {
    peers.keepOnly(new Set(participants.map(({ id }) => id)));
    // One's own devices are known here first.
    on.participants?.(
      self,
      participants.map((it) => (it.id === self ? { ...it, ...own(), ...(server.isBlocked() && BLOCKED) } : it)),
      room,
      settings,
    );
    others.refresh();
  }

  /** Devices may have changed between `join` and the snapshot. */
  function sayWhatChangedMeanwhile(now: Roster): void {
    const { mic, cam, screen } = find(now, now.self) ?? {};
    const is = own();
    if (mic !== is.mic || cam !== is.cam || screen !== is.screen) send({ type: "updateSelf", ...is });
  }

  /** Through the server where it carries media, over the links otherwise. */
  function shareScreen(): void {
    const { screen, screenAudio } = tracks();
    server.put("screen", screen);
    server.put("screenAudio", screenAudio);
    peers.sendFurther(server.isWanted() ? [] : [screen, screenAudio].filter((it) => it !== null));
  }

  function changed(source: Extract<Source, "mic" | "cam" | "screen">): void {
    if (source === "screen") {
      shareScreen();
    } else {
      peers.sendLocal(source);
      server.put(source, local.track(source));
    }
    send({ type: "updateSelf", [source]: own()[source] });
    if (roster) rosterChanged(roster);
  }

  function refused(code: ClientErrorCode, text: string, fatal: boolean): void {
    log("serverRefused", { code, fatal }, "warn");
    const isFinal = FINAL.includes(code);
    const isAnswerToJoin = !hasJoined && !fatal;
    if (isFinal || isAnswerToJoin) return end(clientError(code, text, { fatal: true }));
    // A peer may leave while a message to it is on its way: nothing to tell a person.
    if (code !== "noSuchPeer" && !PASSING.includes(code)) on.error?.(clientError(code, text));
  }

  function end(error: ClientError): void {
    if (isOver) return;
    stop(error.code);
    on.error?.(error);
    onEnded(error);
  }

  function stop(code: ClientErrorCode | "left"): void {
    isOver = true;
    clearTimeout(awaiting);
    stopVouching();
    stopWatching();
    socket.close(code);
    others.close();
    peers.keepOnly(new Set());
    server.want(false);
  }

  return {
    remotes: others,
    changed,
    setDisplayName(name) {
      displayName = name;
      send({ type: "updateSelf", displayName });
    },
    say: send,
    recode: server.recode,
    sayPictureLimits() {
      peers.sayPictureLimits();
      others.refresh();
    },
    fileChannel: () => server.current()?.fileChannel(),
    wake() {
      socket.wake();
      wakeMedia();
    },
    leave: () => isOver || stop("left"),
  };
}
