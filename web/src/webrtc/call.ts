/** One stay in one room, from joining to leaving, over however many connections it takes. */

import type { ClientMessage, InstanceId, ParticipantId, ParticipantKey } from "../protocol/messages";
import type { DecodedMessage } from "./decode";
import type { DeviceKind } from "./devices";
import { clientError } from "./errors";
import { nextAttempt } from "./identity";
import { links, type Links } from "./links";
import type { LocalMedia } from "./localMedia";
import { logTo } from "./log";
import { watchPage } from "./pageEvents";
import { afterChange, find, fromSnapshot, type Roster, type RosterChange, type Snapshot } from "./roster";
import { signalingSocket, type Welcome } from "./signalingSocket";
import type { Callbacks, ClientError, ClientErrorCode, Negotiation, SignalingState } from "./types";
import { vouching } from "./vouching";

export type CallOptions = {
  readonly url: string;
  readonly negotiation: Negotiation;
  /** Instead of those that the server names. */
  readonly iceServers?: readonly RTCIceServer[];
  readonly room: string;
  readonly displayName: string;
  readonly participantKey: ParticipantKey;
  readonly instance: InstanceId;
  readonly local: LocalMedia;
  readonly on: Callbacks;
  /** The room was entered for the first time. */
  readonly onEntered: (self: ParticipantId) => void;
  /** It is over, for a reason that is not `leave`. */
  readonly onEnded: (error: ClientError) => void;
};

export type Call = {
  readonly links: Pick<Links, "stream" | "stats">;
  /** The own microphone or camera changed. */
  readonly changed: (device: DeviceKind) => void;
  readonly setDisplayName: (name: string) => void;
  readonly wake: () => void;
  readonly leave: () => void;
};

/** No version: the server delivers this client itself, and knows its own. */
const CLIENT = "allo-web";
/** Attempts that failed in a row before the owner is told in an error, too. */
const UNREACHABLE_AFTER = 3;

/** After these the server closes the connection, and the next one may well do better. */
const PASSING: readonly ClientErrorCode[] = ["serverStopping", "timedOut", "tooSlow", "tooManyMessages"];

export function call(options: CallOptions): Call {
  const { local, on, onEntered, onEnded } = options;
  const log = logTo(on.log);
  let iceServers: readonly RTCIceServer[] = [];
  let roster: Roster | undefined;
  /** Whether this connection has joined: until its snapshot came, an error is the answer to `join`. */
  let hasJoined = false;
  let snapshotRequested = false;
  let displayName = options.displayName;
  let isOver = false;

  const peers = links({
    negotiation: options.negotiation,
    iceServers: () => options.iceServers ?? iceServers,
    local,
    send,
    isReachable: (peer) => hasJoined && participant(peer)?.connection === "online",
    sends(peer) {
      // Who is not online cannot say that a device was turned off.
      const { mic = false, cam = false, connection } = participant(peer) ?? {};
      return connection === "online" ? { mic, cam } : { mic: false, cam: false };
    },
    hasCam: (peer) => participant(peer)?.cam ?? false,
    on,
  });
  const stopVouching = vouching({
    reconnecting: () => roster?.participants.filter((it) => it.connection === "reconnecting").map((it) => it.id) ?? [],
    arrivals: peers.arrivals,
    vouch: (peer) => send({ type: "vouch", peer }),
  });
  const stopWatching = watchPage({ woke: peers.wake });
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

  const participant = (id: ParticipantId) => (roster ? find(roster, id) : undefined);

  function signalingChanged(state: SignalingState): void {
    if (state.state !== "open") hasJoined = false;
    on.signaling?.(state);
    // The server's close code alone can say that it is over, if the error before it was lost.
    if (state.state === "closed" && state.code !== "left") {
      return end(clientError(state.code, "The server ended the call.", { fatal: true }));
    }
    if (state.state !== "reconnecting" || state.attempt !== UNREACHABLE_AFTER) return;
    on.error?.(clientError("signalingUnreachable", "The server does not answer. Trying on."));
  }

  function join(welcome: Welcome): void {
    iceServers = welcome.iceServers.map(({ urls, ...rest }) => ({ urls: [...urls], ...rest }));
    const { room, participantKey, instance } = options;
    const flags = { mic: local.isOn("mic"), cam: local.isOn("cam") };
    socket.send({ type: "join", room, displayName, participantKey, instance, attempt: nextAttempt(), ...flags });
  }

  function handle(message: Exclude<DecodedMessage, { type: "welcome" | "ping" | "pong" }>): void {
    switch (message.type) {
      case "snapshot":
        return replaceRoster(message);
      case "participantJoined":
      case "participantUpdated":
      case "participantLeft":
        return changeRoster(message);
      case "greet":
        return peers.greet(message.peer, message.link, message.polite);
      case "sessionDescription":
      case "iceCandidate": {
        const { from, link, ...signal } = message;
        return peers.receive(from, link, signal);
      }
      case "error":
        return refused(message.code, message.text, message.fatal);
    }
  }

  function replaceRoster(snapshot: Snapshot): void {
    const former = roster;
    roster = fromSnapshot(snapshot);
    hasJoined = true;
    snapshotRequested = false;
    // With another id one is another participant, to whom the old links do not belong: the server was restarted.
    if (former && former.self !== roster.self) peers.keepOnly(new Set());
    sayWhatChangedMeanwhile(roster);
    rosterChanged(roster);
    if (!former) onEntered(roster.self);
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

  function rosterChanged({ self, room, participants }: Roster): void {
    peers.keepOnly(new Set(participants.map(({ id }) => id)));
    peers.refreshStreams();
    // One's own devices are known here first.
    const own = { mic: local.isOn("mic"), cam: local.isOn("cam") };
    on.participants?.(
      self,
      participants.map((it) => (it.id === self ? { ...it, ...own } : it)),
      room,
    );
  }

  /** Devices may have changed between `join` and the snapshot. */
  function sayWhatChangedMeanwhile(now: Roster): void {
    const { mic, cam } = find(now, now.self) ?? {};
    if (mic !== local.isOn("mic") || cam !== local.isOn("cam")) {
      send({ type: "updateSelf", mic: local.isOn("mic"), cam: local.isOn("cam") });
    }
  }

  function refused(code: ClientErrorCode, text: string, fatal: boolean): void {
    log("serverRefused", { code, fatal }, "warn");
    const isFinal = code === "superseded" || code === "unsupportedVersion";
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
    stopVouching();
    stopWatching();
    socket.close(code);
    peers.keepOnly(new Set());
  }

  return {
    links: peers,
    changed(device) {
      peers.sendLocal(device);
      send({ type: "updateSelf", [device]: local.isOn(device) });
      if (roster) rosterChanged(roster);
    },
    setDisplayName(name) {
      displayName = name;
      send({ type: "updateSelf", displayName });
    },
    wake() {
      socket.wake();
      peers.wake();
    },
    leave: () => isOver || stop("left"),
  };
}
