/** The others of a call: each is shown by the way that brings them, and the server is asked for what it is to bring. */

import type { ClientMessage, LinkId, Participant, ParticipantId, PictureLimits, Tile } from "../protocol/messages";
import type { Links } from "./links";
import { logTo } from "./log";
import { limitTiles } from "./pictureLimits";
import { remote, type Remote, type Situation } from "./remote";
import type { StreamKind } from "./remoteStreams";
import { find, type Roster } from "./roster";
import type { Sessions } from "./sessions";
import { readStats, type Report, type Totals } from "./stats";
import { subscribing } from "./subscribing";
import type { Callbacks, LinkState, Path, PeerStats } from "./types";

export type RemotesOptions = {
  readonly roster: () => Roster | undefined;
  readonly links: Pick<Links, "get">;
  readonly sessions: Pick<Sessions, "isWanted" | "state" | "slot" | "slots" | "current">;
  /** Who asks again has to `refresh` when that changes. */
  readonly pictureLimits: () => PictureLimits;
  readonly send: (message: ClientMessage) => void;
  readonly on: Callbacks;
};

export type Remotes = {
  /** Something changed of who is there, what they send, or how they are connected. */
  readonly refresh: () => void;
  /** What the page shows, the most important first. */
  readonly setTiles: (tiles: readonly Tile[]) => void;
  /** What was said to the server may have been lost. */
  readonly resync: () => void;
  readonly stream: (peer: ParticipantId, kind: StreamKind) => MediaStream | undefined;
  readonly stats: () => Promise<readonly PeerStats[]>;
  readonly close: () => void;
};

type Known = {
  readonly remote: Remote;
  subscribes: boolean;
  dropped: LinkId | undefined;
  told: { readonly path?: Path; readonly state?: LinkState; readonly wasConnected: boolean };
  totals: Totals | undefined;
};

/** While a change is under way. Lower costs more; higher makes the change later by as much. */
const LOOK_OFTEN_MS = 100;
/** While all is well. It must be below the time after which a silence counts. */
const LOOK_SELDOM_MS = 1_000;
/** How high pictures are asked for before anybody has said how high they are shown. */
const HEIGHTS = { cam: 360, screen: 1_080 } as const;

export function remotes({ roster, links, sessions, pictureLimits, send, on }: RemotesOptions): Remotes {
  const log = logTo(on.log);
  const all = new Map<ParticipantId, Known>();
  let tiles: readonly Tile[] | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isLooking = false;
  let isClosed = false;
  const subscription = subscribing((it) => send({ type: "subscribe", ...it }));

  function make(peer: ParticipantId): Known {
    const known: Known = {
      remote: remote((stream, kind) => on.streamUpdated?.(peer, stream, kind)),
      subscribes: false,
      dropped: undefined,
      told: { wasConnected: false },
      totals: undefined,
    };
    all.set(peer, known);
    return known;
  }

  function situation({ topology }: Roster, participant: Participant): Situation {
    const limits = pictureLimits();
    const { id } = participant;
    return {
      participant,
      topology,
      hasSession: sessions.isWanted(),
      sessionState: sessions.state(),
      link: links.get(id),
      slot: (source) => sessions.slot(id, source),
      isWatched: tiles?.some((it) => it.participant === id && it.source === "cam") ?? true,
      takes: { cam: limits.cam !== 0, screen: limits.screen !== 0 },
    };
  }

  function others(now: Roster): readonly Participant[] {
    return now.participants.filter(({ id }) => id !== now.self);
  }

  function refresh(): void {
    const now = roster();
    if (isClosed || !now) return;
    for (const [peer, known] of all) if (!find(now, peer)) forget(peer, known);
    let isUrgent = false;
    for (const participant of others(now)) {
      const known = all.get(participant.id) ?? make(participant.id);
      const before = known.subscribes;
      settle(known, situation(now, participant));
      isUrgent ||= known.subscribes !== before;
    }
    subscribe(now, isUrgent);
    on.picturesChanged?.(sessions.slots().filter(({ source }) => source === "cam" || source === "screen"));
    if (!isLooking) plan(now);
  }

  function settle(known: Known, it: Situation): void {
    const { id } = it.participant;
    const { subscribes, dropsLink } = known.remote.settle(it);
    known.subscribes = subscribes;
    if (dropsLink && it.link && known.dropped !== it.link.number) {
      known.dropped = it.link.number;
      log("linkDropped", { peer: id, link: it.link.number });
      send({ type: "dropLink", to: id, link: it.link.number });
    }
    tell(id, known, known.remote.shown() === "link" ? "direct" : "server", known.remote.state(it));
  }

  function tell(peer: ParticipantId, known: Known, path: Path, state: LinkState): void {
    const { told } = known;
    const wasConnected = told.wasConnected || state === "connected";
    known.told = { path, state, wasConnected };
    if (path !== told.path) {
      log("pathTaken", { peer, path });
      on.pathChanged?.(peer, path);
    }
    if (state !== told.state) on.linkState?.(peer, state);
    if (wasConnected && !told.wasConnected) on.remoteConnected?.(peer);
  }

  function forget(peer: ParticipantId, { remote, told }: Known): void {
    all.delete(peer);
    remote.streams.hold("cam", []);
    remote.streams.hold("screen", []);
    if (told.wasConnected) on.remoteDisconnected?.(peer);
  }

  function subscribe(now: Roster, isUrgent: boolean): void {
    if (!sessions.isWanted()) return;
    const people = others(now);
    const shown = limitTiles(tiles ?? everything(people), pictureLimits());
    const wanted = shown.filter(({ participant, source }) => {
      // Screens go through the server even between two: a link has no place for them until both ends agree on one.
      return source === "screen" || all.get(participant)?.subscribes === true;
    });
    const audio = people.some(({ id, screen }) => screen || all.get(id)?.subscribes === true);
    subscription.want({ tiles: wanted, audio }, isUrgent);
  }

  function plan(now: Roster): void {
    clearTimeout(timer);
    if (!sessions.isWanted()) return;
    const isUnsettled = others(now).some((it) => all.get(it.id)?.remote.isUnsettled(situation(now, it)));
    if (isUnsettled) timer = setTimeout(() => void look(), LOOK_OFTEN_MS);
    else if (now.topology === "mesh") timer = setTimeout(() => void look(), LOOK_SELDOM_MS);
  }

  async function look(): Promise<void> {
    const now = roster();
    if (isClosed || !now) return;
    isLooking = true;
    await Promise.all(others(now).map((it) => all.get(it.id)?.remote.look(situation(now, it))));
    isLooking = false;
    refresh();
  }

  async function statsOf(
    now: Roster,
    participant: Participant,
    session: Report | undefined,
  ): Promise<PeerStats | undefined> {
    const peer = participant.id;
    const known = all.get(peer);
    const it = situation(now, participant);
    if (!known) return undefined;
    if (known.remote.shown() === "link") return it.link && { peer, path: "direct", ...(await it.link.stats()) };
    const connection = sessions.current();
    if (!connection || !session) return undefined;
    const cam = it.slot("cam");
    const tracks = [cam, it.slot("mic")].flatMap((slot) => (slot ? [slot.receiver.track.id] : []));
    const { stats, totals } = readStats(session, known.totals, tracks);
    known.totals = totals;
    const { connectionState, iceConnectionState, signalingState } = connection.connectionStates();
    const layer = cam?.layer === undefined ? {} : { layer: cam.layer };
    return { peer, path: "server", connectionState, iceConnectionState, signalingState, ...stats, ...layer };
  }

  return {
    refresh,
    setTiles(shown) {
      tiles = shown;
      refresh();
    },
    resync() {
      refresh();
      if (sessions.isWanted()) subscription.repeat();
    },
    stream: (peer, kind) => all.get(peer)?.remote.streams.of(kind),
    async stats() {
      const now = roster();
      if (!now) return [];
      const session = await sessions.current()?.report();
      const found = await Promise.all(others(now).map((it) => statsOf(now, it, session)));
      return found.filter((it) => it !== undefined);
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
      subscription.stop();
      for (const [peer, known] of all) forget(peer, known);
    },
  };
}

/** What an owner who shows everybody would say. */
function everything(people: readonly Participant[]): readonly Tile[] {
  const of = (source: keyof typeof HEIGHTS, who: readonly Participant[]): Tile[] =>
    who.map(({ id }) => ({ participant: id, source, height: HEIGHTS[source] }));
  return [
    ...of(
      "screen",
      people.filter(({ screen }) => screen),
    ),
    ...of("cam", people),
  ];
}
