/** Who is in the room, and how well they are connected, seen and heard. */

import type { MediaCondition, Participant, ParticipantId, VideoCodec } from "../protocol/messages";
import type { ClientErrorCode, LinkState, Path, Picture } from "../webrtc/types";
import type { Size } from "./layout";
import type { Level } from "./message";
import type { Announcement, Person, RoomPage } from "./model";
import { personOf, sourceOf, type TileId, type TileSource } from "./tiles";

/** Louder than this counts as speaking. Lower: keyboards and fans do too; higher: quiet voices do not. */
const SPEAKING_LEVEL = 0.05;

/** For how many measurements, a tenth of a second each, a speaker may pause. Lower: the mark flickers. */
const VOICE_HOLD = 6;

/** Returns the people of a new roster, with what is already known of those who stay. */
export function merge(known: readonly Person[], roster: readonly Participant[]): Person[] {
  const byId = new Map(known.map((person) => [person.id, person]));
  return roster.map((participant) => {
    const before = byId.get(participant.id) ?? NEWCOMER;
    const { link, path, wasConnected, video, paused, undecodable, voice } = before;
    const screenVideo = participant.screen ? before.screenVideo : null;
    return { ...participant, link, path, wasConnected, video, screenVideo, paused, undecodable, voice };
  });
}

const NEWCOMER = {
  link: null,
  path: null,
  wasConnected: false,
  video: null,
  screenVideo: null,
  paused: [],
  undecodable: {},
  voice: 0,
} as const;

/** Returns what to say about the difference between two rosters: a raised hand, the latest newcomer, or the last to go. */
export function difference(
  before: readonly Person[],
  after: readonly Person[],
  self: ParticipantId,
): Extract<Announcement, { kind: "joined" | "left" | "handRaised" }> | null {
  const wasUp = (id: ParticipantId): boolean => before.some((known) => known.id === id && known.hand !== undefined);
  const raised = after.findLast(({ id, hand }) => id !== self && hand !== undefined && !wasUp(id));
  if (raised !== undefined) return { kind: "handRaised", name: raised.displayName };
  const newcomer = after.findLast((person) => !before.some(({ id }) => id === person.id));
  if (newcomer !== undefined) return { kind: "joined", name: newcomer.displayName };
  const gone = before.findLast((person) => !after.some(({ id }) => id === person.id));
  return gone === undefined ? null : { kind: "left", name: gone.displayName };
}

export function withLink(page: RoomPage, peer: ParticipantId, link: LinkState): RoomPage {
  const isConnected = link === "connected";
  const changed = withPerson(page, peer, (person) => ({
    ...person,
    link,
    wasConnected: person.wasConnected || isConnected,
  }));
  const isCarried = isConnected && page.people.some(({ id, path }) => id === peer && path === "server");
  return isCarried ? { ...changed, mediaRefusal: null } : changed;
}

export function withPath(page: RoomPage, peer: ParticipantId, path: Path): RoomPage {
  return withPerson(page, peer, (person) => ({ ...person, path }));
}

export function withVideo(page: RoomPage, tile: TileId, size: Size): RoomPage {
  const video = size.width > 0 && size.height > 0 ? size : null;
  return withPerson(page, personOf(tile), (person) =>
    sourceOf(tile) === "screen" ? { ...person, screenVideo: video } : { ...person, video },
  );
}

/** Notes which pictures the server leaves out, for want of bandwidth or because this browser cannot show them. */
export function withPictures(page: RoomPage, pictures: readonly Picture[]): RoomPage {
  const pausedOf = (id: ParticipantId): readonly TileSource[] =>
    pictures.flatMap(({ participant, source, paused }) =>
      paused && participant === id && (source === "cam" || source === "screen") ? [source] : [],
    );
  const codecOf = (id: ParticipantId, of: TileSource): VideoCodec | undefined =>
    pictures.find(({ participant, source }) => participant === id && source === of)?.undecodable;
  let changed = false;
  const people = page.people.map((person) => {
    const paused = pausedOf(person.id);
    const [cam, screen] = [codecOf(person.id, "cam"), codecOf(person.id, "screen")];
    const isAsBefore = cam === person.undecodable.cam && screen === person.undecodable.screen;
    if (paused.join() === person.paused.join() && isAsBefore) return person;
    changed = true;
    return { ...person, paused, undecodable: { ...(cam && { cam }), ...(screen && { screen }) } };
  });
  return changed ? { ...page, people } : page;
}

/** Returns why somebody is not seen and heard, if it is because the server refuses to carry media. */
export function refusalToShow({ mediaRefusal, people, self }: RoomPage): ClientErrorCode | null {
  return people.some(({ id, link }) => id !== self && link !== "connected") ? mediaRefusal : null;
}

/** Returns how many pictures are left out. */
export const pausedCount = ({ people }: RoomPage): number =>
  people.reduce((count, { paused }) => count + paused.length, 0);

/** Notes who speaks, of those whose sound comes through the server. */
export function withSpeakers(
  page: RoomPage,
  speaking: readonly ParticipantId[],
  active: ParticipantId | null,
): RoomPage {
  return { ...page, speaking, active: active === page.self ? page.active : active };
}

/** Returns the way that the others' media take: through the server as soon as one's do; `null` while nobody's are there. */
export function pathOf({ people, self }: RoomPage): Path | null {
  const paths = people.filter(({ id, link }) => id !== self && link === "connected").map(({ path }) => path);
  return paths.includes("server") ? "server" : paths.includes("direct") ? "direct" : null;
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
  return changed ? { ...page, people, active: louder(page, people) } : page;
}

/** Between peers nobody else measures who speaks most: it is who began last while the one before is silent. */
function louder({ active, self }: RoomPage, people: readonly Person[]): ParticipantId | null {
  if (people.some(({ id, path, voice }) => id === active && (path === "server" || voice > 0))) return active;
  const speaker = people.find(({ id, path, voice }) => id !== self && path === "direct" && voice === VOICE_HOLD);
  return speaker?.id ?? active;
}

function withPerson(page: RoomPage, id: ParticipantId, change: (person: Person) => Person): RoomPage {
  return { ...page, people: page.people.map((person) => (person.id === id ? change(person) : person)) };
}

/** What stands in the way of somebody's media. */
export type Trouble = Exclude<MediaCondition, "fine">;

/** What a tile shows of a person. */
export type Appearance = {
  readonly isSelf: boolean;
  readonly showsVideo: boolean;
  readonly isMuted: boolean;
  readonly isSpeaking: boolean;
  /** Left out for want of bandwidth. */
  readonly isPaused: boolean;
  /** How it is encoded, if this browser cannot show that. */
  readonly undecodable: VideoCodec | null;
  readonly status: "connecting" | "reconnecting" | "interrupted" | "failed" | null;
  /** Why nothing comes of somebody else, if it is known. */
  readonly trouble: Trouble | null;
  /** There should be a picture, and nothing says why there is none: it has not arrived yet. */
  readonly isAwaited: boolean;
};

/** `isAudioOnly`: pictures of others are not wanted. */
export function appearance(page: RoomPage, person: Person, isAudioOnly = false): Appearance {
  const isSelf = person.id === page.self;
  const isMuted = isSelf ? page.own.mic.state !== "on" : !person.mic;
  const isPaused = !isAudioOnly && person.paused.includes("cam") && person.cam;
  const undecodable = (!isAudioOnly && person.cam && person.undecodable.cam) || null;
  const shouldBeSeen = !isSelf && !isAudioOnly && person.cam && (person.mayPublish?.cam ?? true);
  return {
    isSelf,
    showsVideo: isSelf ? page.own.cam.state === "on" : !isAudioOnly && person.cam && person.video !== null,
    isMuted,
    isSpeaking: isHeard(page, person) && !isMuted,
    isPaused,
    undecodable,
    status: isSelf ? null : statusOf(person),
    trouble: isSelf ? null : troubleOf(person),
    isAwaited: shouldBeSeen && !isPaused && undecodable === null && person.video === null,
  };
}

/** What the tile of a screen shows: no voice, and no name but its owner's. */
export function screenAppearance(person: Person, isAudioOnly = false): Appearance {
  const isPaused = !isAudioOnly && person.paused.includes("screen");
  const undecodable = (!isAudioOnly && person.undecodable.screen) || null;
  return {
    isSelf: false,
    showsVideo: !isAudioOnly && person.screenVideo !== null,
    isMuted: false,
    isSpeaking: false,
    isPaused,
    undecodable,
    status: null,
    trouble: troubleOf(person),
    isAwaited: !isAudioOnly && !isPaused && undecodable === null && person.screenVideo === null,
  };
}

function isHeard({ self, speaking }: RoomPage, { id, path, voice }: Person): boolean {
  return path === "server" && id !== self ? speaking.includes(id) : voice > 0;
}

/** Whom one hears and sees directly is not in trouble, whatever is between them and the server. */
function troubleOf({ media = "fine", path, link, connection }: Person): Trouble | null {
  const isDirect = path === "direct" && link === "connected";
  return media === "fine" || isDirect || connection === "reconnecting" ? null : media;
}

/** Returns what stands in the way of the own media. */
export function ownTrouble({ people, self }: RoomPage): Trouble | null {
  const others = people.filter(({ id }) => id !== self);
  // Where everybody is heard directly, the way through the server is in nobody's way.
  const isNeeded = others.some(({ path, link }) => path !== "direct" || link !== "connected");
  const { media = "fine" } = people.find(({ id }) => id === self) ?? {};
  return media === "fine" || !isNeeded ? null : media;
}

function statusOf({ connection, link, wasConnected }: Person): Appearance["status"] {
  if (link === "failed" || link === "interrupted") return connection === "reconnecting" ? "reconnecting" : link;
  if (link === "connected") return connection === "reconnecting" ? "reconnecting" : null;
  return wasConnected ? "reconnecting" : "connecting";
}
