/** Who is in the room: a snapshot, and the changes since, each numbered one more than the one before. */

import type {
  Participant,
  ParticipantId,
  RoomSettings,
  ServerMessage,
  Topology,
  TopologyChoice,
} from "../protocol/messages";
import { PARTICIPANTS_MAX } from "./decode";

export type Roster = {
  readonly version: number;
  readonly room: string;
  readonly self: ParticipantId;
  /** In the order of arrival, `self` among them. */
  readonly participants: readonly Participant[];
  /** Those of them whom the server does not know now, and who may come back. */
  readonly awaited: ReadonlySet<ParticipantId>;
  readonly topology: Topology;
  readonly topologyChoice: TopologyChoice;
  /** Absent with a server that knows of none. */
  readonly settings?: RoomSettings;
};

export type Snapshot = Extract<ServerMessage, { type: "snapshot" }>;
export type RosterChange = Extract<
  ServerMessage,
  { type: "participantJoined" | "participantUpdated" | "participantLeft" | "topologyChanged" | "roomUpdated" }
>;

/**
 * Returns the roster of a snapshot.
 *
 * A server that was restarted has forgotten everyone, and they come back one by one. Until then they are shown in their places,
 * as reconnecting, unless one is somebody else oneself now: then they will be, too.
 */
export function fromSnapshot({ type: _, you, resumed, participants, ...rest }: Snapshot, former?: Roster): Roster {
  const isHere = (it: Participant): boolean => participants.some(({ id }) => id === it.id);
  const isAwaited = (it: Participant): boolean => !isHere(it) && (!resumed || former?.awaited.has(it.id) === true);
  const known = former?.self === you ? former.participants : [];
  const free = PARTICIPANTS_MAX - participants.length;
  const absent = known
    .filter(isAwaited)
    .slice(0, free)
    .map((it): Participant => ({ ...it, connection: "reconnecting" }));
  if (absent.length === 0) return { ...rest, self: you, participants, awaited: new Set() };
  const places = new Map(known.map(({ id }, place) => [id, place]));
  const place = ({ id }: Participant): number => places.get(id) ?? Infinity;
  const everyone = [...absent, ...participants].sort((a, b) =>
    place(a) < place(b) ? -1 : Number(place(a) > place(b)),
  );
  return { ...rest, self: you, participants: everyone, awaited: new Set(absent.map(({ id }) => id)) };
}

/** Those whose connection the server misses. */
export const missing = ({ participants, awaited }: Roster): readonly ParticipantId[] =>
  participants.filter((it) => it.connection === "reconnecting" && !awaited.has(it.id)).map(({ id }) => id);

/** Waits no longer for those who have not come back. */
export const withoutAwaited = (roster: Roster): Roster => ({
  ...roster,
  participants: roster.participants.filter(({ id }) => !roster.awaited.has(id)),
  awaited: new Set(),
});

/** Returns the roster after a change; the same one if the change is old; `gap` if one before it was missed. */
export function afterChange(roster: Roster, change: RosterChange): Roster | "gap" {
  if (change.version <= roster.version) return roster;
  if (change.version !== roster.version + 1) return "gap";
  if (change.type === "roomUpdated") return { ...roster, version: change.version, settings: change.settings };
  if (change.type === "topologyChanged") return { ...roster, version: change.version, topology: change.topology };
  const awaited = new Set([...roster.awaited].filter((id) => id !== idOf(change)));
  return { ...roster, version: change.version, participants: changed(roster.participants, change), awaited };
}

type PeopleChange = Exclude<RosterChange, { type: "topologyChanged" | "roomUpdated" }>;

function changed(participants: readonly Participant[], change: PeopleChange): readonly Participant[] {
  switch (change.type) {
    case "participantJoined":
      if (!participants.some(({ id }) => id === change.participant.id))
        return participants.length < PARTICIPANTS_MAX ? [...participants, change.participant] : participants;
      return changed(participants, { ...change, type: "participantUpdated" });
    case "participantUpdated":
      return participants.map((it) => (it.id === change.participant.id ? change.participant : it));
    case "participantLeft":
      return participants.filter(({ id }) => id !== change.participant);
  }
}

const idOf = ({ participant }: PeopleChange): ParticipantId =>
  typeof participant === "string" ? participant : participant.id;

export const find = (roster: Roster, id: ParticipantId): Participant | undefined =>
  roster.participants.find((it) => it.id === id);
