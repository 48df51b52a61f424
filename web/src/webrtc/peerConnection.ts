/** Level 2: one `RTCPeerConnection` for one link, negotiated, mended and measured. */

import type { PictureLimits } from "../protocol/messages";
import { hearing, LOOK_EVERY_MS, type Hearing } from "./hearing";
import { linkHealth } from "./linkHealth";
import { logTo } from "./log";
import { negotiator, type Signal } from "./negotiation";
import { pulseOnce } from "./pulseOnce";
import { senders, type Place } from "./senders";
import { readArrivals, readHeard, readStats, type LinkStats, type Totals } from "./stats";
import type { LinkState, LogEntry, Negotiation, PeerStats } from "./types";

export type { Signal } from "./negotiation";

export type PeerConnectionOptions = {
  readonly negotiation: Negotiation;
  /** Whether this end gives way when offers cross; the server says which. */
  readonly polite: boolean;
  readonly iceServers: readonly RTCIceServer[];
  /** The stream that the own tracks are announced to belong to. */
  readonly stream: MediaStream;
  /** What to send from the start. */
  readonly mic: MediaStreamTrack | null;
  readonly cam: MediaStreamTrack | null;
  /** What the peer says that it sends. If that does not arrive, the link is mended. */
  readonly expected?: () => Readonly<Record<Place, boolean>>;
  /** What was known of this peer's silence from the links before this one. */
  readonly hearing?: Hearing;
  readonly on: {
    /** Something to be carried to the other end, in order. It may be lost: see `resync`. */
    readonly signal: (signal: Signal) => void;
    readonly state?: (state: LinkState) => void;
    /** The tracks that the peer may send on, whenever they are others than before. */
    readonly tracks?: (tracks: readonly MediaStreamTrack[]) => void;
    /** This connection cannot be mended. It asks again until it is closed. */
    readonly renewWanted?: () => void;
    /** Nothing comes for the moment: the way to the server may be gone, too. */
    readonly doubtful?: () => void;
    readonly log?: (entry: LogEntry) => void;
  };
};

export type PeerConnection = {
  readonly receive: (signal: Signal) => void;
  /** Puts a track into the place of the microphone or the camera, or empties it. Needs no negotiation. */
  readonly put: (place: Place, track: MediaStreamTrack | null) => void;
  /** Sends a further track until the returned function is called; `undefined` where `simple` forbids an offer. */
  readonly add: (track: MediaStreamTrack) => (() => void) | undefined;
  /** The most that the camera's picture may take, in bit/s. */
  readonly limitVideo: (maxBitrate: number) => void;
  /** Sends pictures no larger than the peer wants them. */
  readonly limitPictures: (limits: PictureLimits) => void;
  /** Signals may have been lost: says again what was not answered, and mends the link if it does not stand. */
  readonly resync: () => void;
  /** The network may be back: mends the link at once if it does not stand. */
  readonly wake: () => void;
  readonly restartIce: () => void;
  readonly stats: () => Promise<Omit<PeerStats, "peer" | "path">>;
  /** Counts that grow as long as sound, and pictures that can be shown, arrive. */
  readonly heard: () => Promise<Readonly<Record<Place, number>>>;
  /** A number that grows as long as anything arrives, even if nobody sends sound or pictures. */
  readonly arrivals: () => Promise<number>;
  /** Resolves when everything received so far has been dealt with. */
  readonly settled: () => Promise<void>;
  readonly signalingState: () => RTCSignalingState;
  readonly close: () => void;
};

export function peerConnection(options: PeerConnectionOptions): PeerConnection {
  const { negotiation, polite, iceServers, stream, on } = options;
  const log = logTo(on.log);
  const connection = new RTCPeerConnection({ iceServers: [...iceServers], bundlePolicy: "max-bundle" });
  let tracks: readonly MediaStreamTrack[] = [];
  let totals: Totals | undefined;
  const watch = pulseOnce(connection, {
    // Of who sends nothing there is only a report now and then.
    onDoubtful: () => isExpecting() && on.doubtful?.(),
    onSilent: () => isExpecting() && health.deaf("restartIce"),
  });

  const health = linkHealth({
    onState(state) {
      if (state === "connected") watch();
      on.state?.(state);
    },
    restartIce,
    renew: () => on.renewWanted?.(),
    log,
  });
  const negotiating = negotiator({
    connection,
    negotiation,
    polite,
    send: on.signal,
    onOffered: () => sending.adopt(),
    onStable,
    onBroken: health.broken,
    log,
  });
  const sending = senders({ connection, mayOffer: negotiating.mayOffer, stream, log });

  const ears = options.hearing ?? hearing();
  const looking = setInterval(() => void look(), LOOK_EVERY_MS);

  const observe = (): void => health.changed(connection.connectionState, connection.iceConnectionState);
  connection.addEventListener("connectionstatechange", observe);
  connection.addEventListener("iceconnectionstatechange", observe);
  sending.put("mic", options.mic);
  sending.put("cam", options.cam);
  if (!polite) sending.open();

  function onStable(): void {
    sending.refresh();
    const now = connection
      .getTransceivers()
      .filter(isReceiving)
      .map(({ receiver }) => receiver.track);
    if (now.length === tracks.length && now.every((track, index) => track === tracks[index])) return;
    tracks = now;
    on.tracks?.(tracks);
  }

  function restartIce(): void {
    if (health.wasConnected()) negotiating.restartIce();
  }

  function isExpecting(): boolean {
    const { mic = false, cam = false } = options.expected?.() ?? {};
    return mic || cam;
  }

  function isUp(): boolean {
    return connection.connectionState === "connected" && connection.signalingState === "stable";
  }

  async function look(): Promise<void> {
    const expected = options.expected?.();
    if (!expected) return;
    const remedy = ears.looked({ atMs: performance.now(), isUp: isUp(), expected, heard: await heard() });
    if (remedy) health.deaf(remedy);
  }

  const heard = async () => ({ mic: await heardFrom("mic"), cam: await heardFrom("cam") });

  async function heardFrom(place: Place): Promise<number> {
    const report = await sending.receiver(place)?.getStats();
    return report ? readHeard(report) : 0;
  }

  async function measure(): Promise<LinkStats> {
    const reading = readStats(await connection.getStats(), totals);
    totals = reading.totals;
    return reading.stats;
  }

  return {
    receive: negotiating.receive,
    put: sending.put,
    add: sending.add,
    limitVideo: sending.limitVideo,
    limitPictures: sending.limitPictures,
    resync() {
      negotiating.resync();
      health.wake();
    },
    wake: health.wake,
    restartIce,
    async stats() {
      const { connectionState, iceConnectionState, signalingState } = connection;
      return { connectionState, iceConnectionState, signalingState, ...(await measure()) };
    },
    heard,
    arrivals: async () => readArrivals(await connection.getStats()),
    settled: negotiating.settled,
    signalingState: () => connection.signalingState,
    close() {
      clearInterval(looking);
      health.close();
      connection.close();
    },
  };
}

function isReceiving({ currentDirection }: RTCRtpTransceiver): boolean {
  return currentDirection === "sendrecv" || currentDirection === "recvonly";
}
