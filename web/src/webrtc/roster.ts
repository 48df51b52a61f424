/** Who is in the room: a snapshot, and the changes since, each numbered one more than the one before. */

import type { Participant, ParticipantId, ServerMessage, Topology, TopologyChoice } from "../protocol/messages";

export type Roster = {
  readonly version: number;
  readonly room: string;
  readonly self: ParticipantId;
  /** In the order of arrival, `self` among them. */
  readonly participants: readonly Participant[];
  readonly topology: Topology;
  readonly topologyChoice: TopologyChoice;
};

export type Snapshot = Extract<ServerMessage, { type: "snapshot" }>;
export type RosterChange = Extract<
  ServerMessage,
  { type: "participantJoined" | "participantUpdated" | "participantLeft" | "topologyChanged" }
>;

export const fromSnapshot = ({ type: _, you, ...rest }: Snapshot): Roster => ({ ...rest, self: you });

/** Returns the roster after a change; the same one if the change is old; `gap` if one before it was missed. */
export function afterChange(roster: Roster, change: RosterChange): Roster | "gap" {
  if (change.version <= roster.version) return roster;
  if (change.version !== roster.version + 1) return "gap";
  if (change.type === "topologyChanged") return { ...roster, version: change.version, topology: change.topology };
  return { ...roster, version: change.version, participants: changed(roster.participants, change) };
}

type PeopleChange = Exclude<RosterChange, { type: "topologyChanged" }>;

function changed(participants: readonly Participant[], change: PeopleChange): readonly Participant[] {
  switch (change.type) {
    case "participantJoined":
      return [...participants.filter(({ id }) => id !== change.participant.id), change.participant];
    case "participantUpdated":
      return participants.map((it) => (it.id === change.participant.id ? change.participant : it));
    case "participantLeft":
      return participants.filter(({ id }) => id !== change.participant);
  }
}

export const find = (roster: Roster, id: ParticipantId): Participant | undefined =>
  roster.participants.find((it) => it.id === id);
