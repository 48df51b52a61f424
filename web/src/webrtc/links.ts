/** The links of a call: one to each peer, made, renewed and closed as the server greets. */

import type { ClientMessage, LinkId, ParticipantId } from "../protocol/messages";
import type { DeviceKind } from "./devices";
import { clientError } from "./errors";
import { hearing, type Hearing } from "./hearing";
import type { LocalMedia } from "./localMedia";
import { logTo } from "./log";
import { peerConnection, type PeerConnection, type Signal } from "./peerConnection";
import type { Callbacks, Negotiation, PeerStats } from "./types";

export type LinksOptions = {
  readonly negotiation: Negotiation;
  /** Asked for at each new link: the server may give others at each welcome. */
  readonly iceServers: () => readonly RTCIceServer[];
  readonly local: LocalMedia;
  readonly send: (message: ClientMessage) => void;
  /** Whether a message to this peer would arrive. */
  readonly isReachable: (peer: ParticipantId) => boolean;
  /** What this peer says that it sends, as far as it can be asked. */
  readonly sends: (peer: ParticipantId) => Readonly<Record<DeviceKind, boolean>>;
  /** Whether this peer says that its camera is on. */
  readonly hasCam: (peer: ParticipantId) => boolean;
  readonly on: Callbacks;
};

export type Links = {
  readonly greet: (peer: ParticipantId, number: LinkId, polite: boolean) => void;
  readonly receive: (from: ParticipantId, number: LinkId, signal: Signal) => void;
  /** Closes the links to everyone who is not of these. */
  readonly keepOnly: (peers: ReadonlySet<ParticipantId>) => void;
  readonly sendLocal: (device: DeviceKind) => void;
  /** Someone's camera may have been turned on or off. */
  readonly refreshStreams: () => void;
  readonly wake: () => void;
  readonly stream: (peer: ParticipantId) => MediaStream | undefined;
  readonly stats: () => Promise<readonly PeerStats[]>;
  readonly arrivals: (peer: ParticipantId) => Promise<number>;
};

type Link = {
  readonly number: LinkId;
  readonly connection: PeerConnection;
  /** These are the same for the whole life of the peer, from link to link. */
  readonly stream: MediaStream;
  readonly hearing: Hearing;
  tracks: readonly MediaStreamTrack[];
  wasConnected: boolean;
};

/** More links than any mesh can bear; a server that greets more often is not followed. */
const LINKS_MAX = 32;
/** What the cameras' pictures may take of the way up, all links together, and one alone. */
const UPLINK_BITRATE = 2_500_000;
const PICTURE_BITRATE_MAX = 1_500_000;

/** The share of one picture when it is sent to so many peers, in bit/s. */
export const pictureBitrate = (peers: number): number =>
  Math.round(Math.min(PICTURE_BITRATE_MAX, UPLINK_BITRATE / Math.max(1, peers)));

export function links(options: LinksOptions): Links {
  const { negotiation, iceServers, local, send, isReachable, sends, hasCam, on } = options;
  const log = logTo(on.log);
  const all = new Map<ParticipantId, Link>();

  function make(peer: ParticipantId, number: LinkId, polite: boolean): Link {
    log("linkMade", { peer, number, polite });
    const former = all.get(peer);
    const ears = former?.hearing ?? hearing();
    const connection = peerConnection({
      negotiation,
      polite,
      iceServers: iceServers(),
      stream: local.stream,
      mic: local.track("mic"),
      cam: local.track("cam"),
      expected: () => sends(peer),
      hearing: ears,
      on: {
        signal: (signal) => send({ ...signal, to: peer, link: number }),
        state(state) {
          on.linkState?.(peer, state);
          if (state === "connected") connected(peer);
          if (state === "failed") on.error?.(clientError("iceFailed", "The link to a peer failed.", { peer }));
        },
        tracks(tracks) {
          link.tracks = tracks;
          refresh(peer, link);
        },
        renewWanted() {
          if (isReachable(peer)) send({ type: "renewLink", to: peer, link: number });
        },
        ...(on.log && { log: on.log }),
      },
    });
    const link: Link = {
      number,
      connection,
      stream: former?.stream ?? new MediaStream(),
      hearing: ears,
      // Kept until the new link has its own, so that nothing flickers.
      tracks: former?.tracks ?? [],
      wasConnected: former?.wasConnected ?? false,
    };
    return link;
  }

  function connected(peer: ParticipantId): void {
    const link = all.get(peer);
    if (!link || link.wasConnected) return;
    link.wasConnected = true;
    on.remoteConnected?.(peer);
  }

  /**
   * The stream has the picture's track only while the peer's camera is on: a browser may hold back the sound of an
   * element that waits for a first picture.
   */
  function refresh(peer: ParticipantId, link: Link): void {
    const wanted = link.tracks.filter((track) => track.kind === "audio" || hasCam(peer));
    const present = link.stream.getTracks();
    const surplus = present.filter((track) => !wanted.includes(track));
    const missing = wanted.filter((track) => !present.includes(track));
    if (surplus.length === 0 && missing.length === 0) return;
    surplus.forEach((track) => link.stream.removeTrack(track));
    missing.forEach((track) => link.stream.addTrack(track));
    on.streamUpdated?.(peer, link.stream);
  }

  function shareUplink(): void {
    const bitrate = pictureBitrate(all.size);
    for (const { connection } of all.values()) connection.limitVideo(bitrate);
  }

  function drop(peer: ParticipantId, link: Link): void {
    log("linkClosed", { peer });
    link.connection.close();
    all.delete(peer);
    link.stream.getTracks().forEach((track) => link.stream.removeTrack(track));
    on.remoteDisconnected?.(peer);
  }

  return {
    greet(peer, number, polite) {
      const former = all.get(peer);
      if (former?.number === number) return former.connection.resync();
      if (!former && all.size === LINKS_MAX) return log("greetIgnored", { links: all.size }, "warn");
      all.set(peer, make(peer, number, polite));
      former?.connection.close();
      on.linkState?.(peer, "new");
      shareUplink();
    },

    receive(from, number, signal) {
      const link = all.get(from);
      if (link?.number !== number) return log("signalOfAnotherLinkIgnored", { from, number }, "debug");
      link.connection.receive(signal);
    },

    keepOnly(peers) {
      for (const [peer, link] of all) if (!peers.has(peer)) drop(peer, link);
      shareUplink();
    },

    sendLocal(device) {
      for (const { connection } of all.values()) connection.put(device, local.track(device));
    },

    refreshStreams: () => all.forEach((link, peer) => refresh(peer, link)),
    wake: () => all.forEach(({ connection }) => connection.wake()),
    stream: (peer) => all.get(peer)?.stream,

    stats: () => Promise.all([...all].map(async ([peer, { connection }]) => ({ peer, ...(await connection.stats()) }))),

    arrivals: async (peer) => (await all.get(peer)?.connection.arrivals()) ?? 0,
  };
}
