/** Who is in the room, and how well they are connected, seen and heard. */

import type { Participant, ParticipantId } from "../protocol/messages";
import type { LinkState } from "../webrtc/types";
import type { Size } from "./layout";
import type { Level } from "./message";
import type { Announcement, Person, RoomPage } from "./model";

/** More people than any room holds. What a server says beyond it is not shown. */
const MAX_PEOPLE = 64;

/** Louder than this counts as speaking. Lower: keyboards and fans do too; higher: quiet voices do not. */
const SPEAKING_LEVEL = 0.05;

/** For how many measurements, a tenth of a second each, a speaker may pause. Lower: the mark flickers. */
const VOICE_HOLD = 6;

/** Returns the people of a new roster, with what is already known of those who stay. */
export function merge(known: readonly Person[], roster: readonly Participant[]): Person[] {
  return roster.slice(0, MAX_PEOPLE).map((participant) => {
    const { link, wasConnected, video, voice } = known.find(({ id }) => id === participant.id) ?? NEWCOMER;
    return { ...participant, link, wasConnected, video, voice };
  });
}

const NEWCOMER = { link: null, wasConnected: false, video: null, voice: 0 } as const;

/** Returns what to say about the difference between two rosters: the latest newcomer, else the last to go. */
export function difference(before: readonly Person[], after: readonly Person[]): Announcement | null {
  const newcomer = after.findLast((person) => !before.some(({ id }) => id === person.id));
  if (newcomer !== undefined) return { kind: "joined", name: newcomer.displayName };
  const gone = before.findLast((person) => !after.some(({ id }) => id === person.id));
  return gone === undefined ? null : { kind: "left", name: gone.displayName };
}

export function withLink(page: RoomPage, peer: ParticipantId, link: LinkState): RoomPage {
  return withPerson(page, peer, (person) => ({
    ...person,
    link,
    wasConnected: person.wasConnected || link === "connected",
  }));
}

export function withVideo(page: RoomPage, id: ParticipantId, size: Size): RoomPage {
  const video = size.width > 0 && size.height > 0 ? size : null;
  return withPerson(page, id, (person) => ({ ...person, video }));
}

/** Returns the size of the own picture while it is shown. */
export function ownVideo(page: RoomPage): Size | null {
  const own = page.people.find(({ id }) => id === page.self);
  return page.own.cam.state === "on" ? (own?.video ?? null) : null;
}

/** Returns the same page when nobody began or ceased to be heard, so that nothing is drawn anew. */
export function withVoices(page: RoomPage, own: number, peers: readonly Level[]): RoomPage {
  let changed = false;
  const people = page.people.map((person) => {
    const level = person.id === page.self ? own : (peers.find(({ id }) => id === person.id)?.level ?? 0);
    const voice = level >= SPEAKING_LEVEL ? VOICE_HOLD : Math.max(0, person.voice - 1);
    changed ||= voice !== person.voice;
    return voice === person.voice ? person : { ...person, voice };
  });
  return changed ? { ...page, people } : page;
}

function withPerson(page: RoomPage, id: ParticipantId, change: (person: Person) => Person): RoomPage {
  return { ...page, people: page.people.map((person) => (person.id === id ? change(person) : person)) };
}

/** What a tile shows of a person. */
export type Appearance = {
  readonly isSelf: boolean;
  readonly showsVideo: boolean;
  readonly isMuted: boolean;
  readonly isSpeaking: boolean;
  readonly status: "connecting" | "reconnecting" | "interrupted" | "failed" | null;
};

export function appearance(page: RoomPage, person: Person): Appearance {
  const isSelf = person.id === page.self;
  const isMuted = isSelf ? page.own.mic.state !== "on" : !person.mic;
  return {
    isSelf,
    showsVideo: isSelf ? page.own.cam.state === "on" : person.cam && person.video !== null,
    isMuted,
    isSpeaking: person.voice > 0 && !isMuted,
    status: isSelf ? null : statusOf(person),
  };
}

function statusOf({ connection, link, wasConnected }: Person): Appearance["status"] {
  if (link === "failed" || link === "interrupted") return connection === "reconnecting" ? "reconnecting" : link;
  if (link === "connected") return connection === "reconnecting" ? "reconnecting" : null;
  return wasConnected ? "reconnecting" : "connecting";
}
