/** The links of a call: one to each peer, made, renewed and closed as the server greets. */

import type { ClientMessage, LinkId, ParticipantId, PictureLimits } from "../protocol/messages";
import type { DeviceKind } from "./devices";
import { clientError } from "./errors";
import { hearing, type Hearing } from "./hearing";
import { logTo } from "./log";
import { peerConnection, type PeerConnection, type Signal } from "./peerConnection";
import type { Callbacks, LinkState, Negotiation, PeerStats } from "./types";

export type LinksOptions = {
  readonly negotiation: Negotiation;
  /** Asked for at each new link: the server may give others at each welcome. */
  readonly iceServers: () => readonly RTCIceServer[];
  readonly stream: MediaStream;
  readonly track: (device: DeviceKind) => MediaStreamTrack | null;
  /** How high the peers' pictures are to be at most. */
  readonly pictureLimits: () => PictureLimits;
  readonly send: (message: ClientMessage) => void;
  /** Whether a message to this peer would arrive. */
  readonly isReachable: (peer: ParticipantId) => boolean;
  /** What this peer says that it sends, as far as it can be asked. */
  readonly sends: (peer: ParticipantId) => Readonly<Record<DeviceKind, boolean>>;
  /** The state or the tracks of a link changed. */
  readonly onChange: () => void;
  /** Nothing comes from a peer for the moment. */
  readonly onDoubtful: () => void;
  readonly on: Callbacks;
};

export type Links = {
  readonly greet: (peer: ParticipantId, number: LinkId, polite: boolean) => void;
  readonly receive: (from: ParticipantId, number: LinkId, signal: Signal) => void;
  /** A peer says how high the pictures are to be at most that it is sent. */
  readonly limitPictures: (from: ParticipantId, number: LinkId, limits: PictureLimits) => void;
  /** The server says that a link is over. */
  readonly closed: (peer: ParticipantId, number: LinkId) => void;
  /** Closes the links to everyone who is not of these. */
  readonly keepOnly: (peers: ReadonlySet<ParticipantId>) => void;
  /** The server knows none of these links any more. Returns how to close those that it has not replaced by then. */
  readonly outdate: () => () => void;
  readonly sendLocal: (device: DeviceKind) => void;
  /** Sends these besides microphone and camera, on every link, and no others any more. */
  readonly sendFurther: (tracks: readonly MediaStreamTrack[]) => void;
  /** What `pictureLimits` says has changed. */
  readonly sayPictureLimits: () => void;
  readonly wake: () => void;
  readonly get: (peer: ParticipantId) => Link | undefined;
  readonly arrivals: (peer: ParticipantId) => Promise<number>;
};

export type Link = {
  readonly number: LinkId;
  readonly state: LinkState;
  /** What the peer may send on: microphone, camera, and what they share, in this order for each kind. */
  readonly tracks: readonly MediaStreamTrack[];
  /** What is to come: of what the peer says that they send, what is wanted. */
  readonly expected: Readonly<Record<DeviceKind, boolean>>;
  readonly heard: () => Promise<Readonly<Record<DeviceKind, number>>>;
  readonly stats: () => Promise<Omit<PeerStats, "peer" | "path">>;
};

type OpenLink = {
  readonly number: LinkId;
  readonly connection: PeerConnection;
  /** The same for the whole life of the peer, from link to link. */
  readonly hearing: Hearing;
  readonly further: Map<MediaStreamTrack, () => void>;
  state: LinkState;
  tracks: readonly MediaStreamTrack[];
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
  const { negotiation, iceServers, stream, track, pictureLimits, send, isReachable, sends, onChange, onDoubtful, on } =
    options;
  const log = logTo(on.log);
  const all = new Map<ParticipantId, OpenLink>();
  let further: readonly MediaStreamTrack[] = [];

  function expected(peer: ParticipantId): Record<DeviceKind, boolean> {
    const { mic, cam } = sends(peer);
    return { mic, cam: cam && pictureLimits().cam !== 0 };
  }

  function make(peer: ParticipantId, number: LinkId, polite: boolean): OpenLink {
    log("linkMade", { peer, number, polite });
    const former = all.get(peer);
    const ears = former?.hearing ?? hearing();
    const connection = peerConnection({
      negotiation,
      polite,
      iceServers: iceServers(),
      stream,
      mic: track("mic"),
      cam: track("cam"),
      expected: () => expected(peer),
      hearing: ears,
      on: {
        signal: (signal) => send({ ...signal, to: peer, link: number }),
        state(state) {
          link.state = state;
          onChange();
          if (state === "failed") on.error?.(clientError("iceFailed", "The link to a peer failed.", { peer }));
        },
        tracks(tracks) {
          link.tracks = tracks;
          onChange();
        },
        renewWanted() {
          if (isReachable(peer)) send({ type: "renewLink", to: peer, link: number });
        },
        doubtful: onDoubtful,
        ...(on.log && { log: on.log }),
      },
    });
    const link: OpenLink = {
      number,
      connection,
      hearing: ears,
      further: new Map(),
      state: "new",
      // Kept until the new link has its own, so that nothing flickers.
      tracks: former?.tracks ?? [],
    };
    return link;
  }

  function shareUplink(): void {
    const bitrate = pictureBitrate(all.size);
    for (const { connection } of all.values()) connection.limitVideo(bitrate);
  }

  function sayPictureLimits(peer: ParticipantId, { number }: OpenLink): void {
    send({ type: "pictureLimits", to: peer, link: number, limits: pictureLimits() });
  }

  function addFurther({ connection, further: sent }: OpenLink): void {
    for (const [track, remove] of sent) {
      if (further.includes(track)) continue;
      remove();
      sent.delete(track);
    }
    for (const track of further) {
      const remove = sent.has(track) ? undefined : connection.add(track);
      if (remove) sent.set(track, remove);
    }
  }

  function drop(peer: ParticipantId, link: OpenLink): void {
    log("linkClosed", { peer });
    link.connection.close();
    all.delete(peer);
  }

  function find(from: ParticipantId, number: LinkId): OpenLink | undefined {
    const link = all.get(from);
    if (link?.number === number) return link;
    log("signalOfAnotherLinkIgnored", { from, number }, "debug");
    return undefined;
  }

  return {
    greet(peer, number, polite) {
      const former = all.get(peer);
      if (former?.number === number) {
        sayPictureLimits(peer, former);
        return former.connection.resync();
      }
      if (!former && all.size === LINKS_MAX) return log("greetIgnored", { links: all.size }, "warn");
      const link = make(peer, number, polite);
      all.set(peer, link);
      former?.connection.close();
      addFurther(link);
      shareUplink();
      if (Object.keys(pictureLimits()).length > 0) sayPictureLimits(peer, link);
      onChange();
    },

    receive: (from, number, signal) => find(from, number)?.connection.receive(signal),

    limitPictures: (from, number, limits) => find(from, number)?.connection.limitPictures(limits),

    closed(peer, number) {
      const link = all.get(peer);
      if (link?.number !== number) return log("closeOfAnotherLinkIgnored", { peer, number }, "debug");
      drop(peer, link);
      shareUplink();
      onChange();
    },

    keepOnly(peers) {
      for (const [peer, link] of all) if (!peers.has(peer)) drop(peer, link);
      shareUplink();
    },

    outdate() {
      const outdated = [...all];
      return () => {
        for (const [peer, link] of outdated) if (all.get(peer) === link) drop(peer, link);
        shareUplink();
        onChange();
      };
    },

    sendLocal(device) {
      for (const { connection } of all.values()) connection.put(device, track(device));
    },

    sendFurther(tracks) {
      further = tracks;
      all.forEach(addFurther);
    },

    sayPictureLimits() {
      for (const [peer, link] of all) sayPictureLimits(peer, link);
    },

    wake: () => all.forEach(({ connection }) => connection.wake()),

    get(peer) {
      const link = all.get(peer);
      if (!link) return undefined;
      const { number, state, tracks, connection } = link;
      const { heard, stats } = connection;
      return { number, state, tracks, expected: expected(peer), heard, stats };
    },

    arrivals: async (peer) => (await all.get(peer)?.connection.arrivals()) ?? 0,
  };
}
