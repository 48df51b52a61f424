/** The decoding of what the server says: strict in shape and size, indifferent to what is new. */

import type {
  ChatMessage,
  Demand,
  FileOffer,
  IceCandidate,
  IceServer,
  Knocker,
  MayPublish,
  Participant,
  PictureLimits,
  Relay,
  RoomSettings,
  ServerMessage,
  SessionDescription,
  Slot,
} from "../protocol/messages";
import {
  boolean,
  exactly,
  known,
  list,
  listOfKnown,
  matching,
  object,
  oneOf,
  Refusal,
  text,
  unsigned,
  type Check,
} from "./check";
import type { ClientErrorCode } from "./types";

/** A server message whose error code may be one that this client has never heard of (`badServerMessage`). */
export type DecodedMessage = Exclude<ServerMessage, { type: WithCode }> | Coded<"error"> | Coded<"mediaClosed">;

type WithCode = "error" | "mediaClosed";
type Coded<Type extends WithCode> = Omit<Extract<ServerMessage, { type: Type }>, "code"> & {
  readonly code: ClientErrorCode;
};

export type Decoding =
  | { readonly outcome: "message"; readonly message: DecodedMessage }
  /** A type that a newer server may send: to be ignored. */
  | { readonly outcome: "unknown" }
  /** Not what the protocol says: to be reported and ignored. */
  | { readonly outcome: "malformed"; readonly why: string };

/** The longest text looked at, in UTF-16 units. A server relays at most 64 KiB, and a snapshot is far shorter. */
export const MESSAGE_LENGTH_MAX = 256 * 1024;
/** More people than a snapshot can hold within `MESSAGE_LENGTH_MAX`. Of those who join beyond them nothing is shown. */
export const PARTICIPANTS_MAX = 4096;
const SDP_LENGTH_MAX = 128 * 1024;
/** Displayed names are at most 64 graphemes; one grapheme may have many units, hence the room. */
const NAME_LENGTH_MAX = 1024;
const URL_LENGTH_MAX = 1024;
const ICE_SERVERS_MAX = 16;
/** More lines than a session can have: its offer would not fit into a message. */
const LINES_MAX = 256;
/** More than the server keeps, and more than it lets wait. */
const CHAT_MESSAGES_MAX = 1024;
const FILES_MAX = 256;
const KNOCKERS_MAX = 1024;
const CHAT_LENGTH_MAX = 16 * 1024;

/** Decodes one text message of the server. Never throws. */
export function decode(json: string): Decoding {
  if (json.length > MESSAGE_LENGTH_MAX) return { outcome: "malformed", why: "the message is too long" };
  try {
    return decodeValue(JSON.parse(json));
  } catch (error) {
    return { outcome: "malformed", why: error instanceof Refusal ? error.message : "the message is not JSON" };
  }
}

function decodeValue(value: unknown): Decoding {
  const { type } = object<{ type: string }>({ type: text(64) }, {})(value, "message");
  if (!Object.hasOwn(messages, type)) return { outcome: "unknown" };
  const check: Check<object> = messages[type as keyof typeof messages];
  return { outcome: "message", message: { type, ...check(value, type) } as DecodedMessage };
}

const u32 = unsigned(32);
const participantId = matching(/^[A-Za-z0-9_-]{1,32}$/);

const participant = object<Participant>(
  {
    id: participantId,
    displayName: text(NAME_LENGTH_MAX),
    mic: boolean,
    cam: boolean,
    screen: boolean,
    connection: oneOf(["online", "reconnecting"], "online"),
  },
  {
    // A role not known here is one of which nothing is known to be allowed.
    role: oneOf(["owner", "moderator", "participant"], "participant"),
    mayPublish: object<MayPublish>({ mic: boolean, cam: boolean, screen: boolean }, {}),
    hand: u32,
    recording: boolean,
    media: oneOf(["fine", "late", "silent", "refused", "blocked"], "fine"),
  },
);

const settings = object<RoomSettings>(
  {},
  {
    owned: boolean,
    lobby: boolean,
    locked: boolean,
    password: boolean,
    participantsMax: u32,
    recorders: oneOf(["moderators", "everyone"], "moderators"),
    oneScreen: boolean,
    spotlight: participantId,
  },
);

const knocker = object<Knocker>({ id: participantId, displayName: text(NAME_LENGTH_MAX) }, {});

const fileOffer = object<FileOffer>(
  {
    id: u32,
    reference: u32,
    from: participantId,
    displayName: text(NAME_LENGTH_MAX),
    name: text(NAME_LENGTH_MAX),
    bytes: u32,
    mediaType: text(128),
    ageS: u32,
  },
  { to: participantId },
);

const chatMessage = object<ChatMessage>(
  {
    id: u32,
    from: participantId,
    displayName: text(NAME_LENGTH_MAX),
    text: text(CHAT_LENGTH_MAX),
    ageS: u32,
  },
  { to: participantId },
);

const reaction = known("thumbsUp", "thumbsDown", "applause", "heart", "laughter", "surprise", "celebration", "doubt");

const device = known("mic", "cam", "screen");

const description = object<SessionDescription>({ type: exactly("offer", "answer"), sdp: text(SDP_LENGTH_MAX) }, {});

const pictureLimits = object<PictureLimits>({}, { cam: unsigned(16), screen: unsigned(16) });

const candidate = object<IceCandidate>(
  { candidate: text(1024) },
  { sdpMid: text(64), sdpMLineIndex: unsigned(16), usernameFragment: text(256) },
);

const iceServer = object<IceServer>(
  { urls: list(ICE_SERVERS_MAX, text(URL_LENGTH_MAX)) },
  { username: text(1024), credential: text(1024) },
);

const relay = object<Relay>(
  { username: text(1024), credential: text(1024), udpPort: unsigned(16) },
  { tcpPort: unsigned(16), tlsPort: unsigned(16) },
);

const mid = matching(/^[A-Za-z0-9]{1,16}$/);

const slot = object<Slot>(
  { mid, participant: participantId, source: known("mic", "cam", "screen", "screenAudio"), paused: boolean },
  { layer: unsigned(8), undecodable: known("vp8", "h264", "vp9", "av1") },
);

const demand = object<Demand>({ mid, layers: unsigned(8) }, { undecodable: boolean });

const ERROR_CODES = [
  "badMessage",
  "unsupportedVersion",
  "outOfOrder",
  "alreadyJoined",
  "badRoomName",
  "badDisplayName",
  "roomFull",
  "tooManyRooms",
  "noSuchPeer",
  "badOffer",
  "mediaUnavailable",
  "serverBusy",
  "mediaLost",
  "mediaFault",
  "notAllowed",
  "roomLocked",
  "passwordRequired",
  "wrongPassword",
  "badPassword",
  "tooManyAttempts",
  "mayNotOpen",
  "badToken",
  "tokenRequired",
  "loginRequired",
  "lobbyFull",
  "badText",
  "tooFast",
  "tooManyPeople",
  "filesUnavailable",
  "badFile",
  "noSuchFile",
  "tooManyFiles",
  "denied",
  "removed",
  "banned",
  "meetingEnded",
  "superseded",
  "tooManyMessages",
  "timedOut",
  "tooSlow",
  "serverStopping",
] as const;

/** A topology not known here is one in which the server greets, or does not: links are made for those whom it greets. */
const topology = oneOf(["mesh", "sfu"], "mesh");

type Fields<Type extends DecodedMessage["type"]> = Omit<Extract<DecodedMessage, { type: Type }>, "type">;

/** One check for each type of message; the compiler compares them with the generated types, field by field. */
const messages: { [Type in DecodedMessage["type"]]: Check<Fields<Type>> } = {
  welcome: object<Fields<"welcome">>(
    {
      protocolVersion: u32,
      server: text(256),
      limits: object<Fields<"welcome">["limits"]>(
        {
          messageBytes: u32,
          messagesPerSecond: u32,
          messageBurst: u32,
          displayNameGraphemes: u32,
          roomNameBytes: u32,
          participantsPerRoom: u32,
          participantsPerMesh: u32,
          tracksPerParticipant: u32,
          linesPerSession: u32,
          joinTimeoutMs: u32,
          pingIntervalMs: u32,
          missedPongs: u32,
          leaseMs: u32,
        },
        { chatBytes: u32, passwordBytes: u32, fileBytes: u32 },
      ),
      iceServers: list(ICE_SERVERS_MAX, iceServer),
      features: object<Fields<"welcome">["features"]>(
        {},
        { mesh: boolean, sfu: boolean, relay: boolean, meeting: boolean },
      ),
    },
    { stunPort: unsigned(16) },
  ),
  snapshot: object<Fields<"snapshot">>(
    {
      version: u32,
      room: text(NAME_LENGTH_MAX),
      you: participantId,
      participants: list(PARTICIPANTS_MAX, participant),
      topology,
      topologyChoice: oneOf(["auto", "mesh", "sfu"], "auto"),
      resumed: boolean,
    },
    { settings },
  ),
  waiting: object<Fields<"waiting">>({ room: text(NAME_LENGTH_MAX) }, {}),
  knocking: object<Fields<"knocking">>({ people: list(KNOCKERS_MAX, knocker) }, {}),
  roomUpdated: object<Fields<"roomUpdated">>({ version: u32, settings }, {}),
  turnedOff: object<Fields<"turnedOff">>({ device, by: participantId }, {}),
  askedToTurnOn: object<Fields<"askedToTurnOn">>({ device, by: participantId }, {}),
  chat: object<Fields<"chat">>({ message: chatMessage }, {}),
  chatHistory: object<Fields<"chatHistory">>({ messages: list(CHAT_MESSAGES_MAX, chatMessage) }, {}),
  fileOffered: object<Fields<"fileOffered">>({ file: fileOffer }, {}),
  filesOffered: object<Fields<"filesOffered">>({ files: list(FILES_MAX, fileOffer) }, {}),
  fileWithdrawn: object<Fields<"fileWithdrawn">>({ file: u32 }, {}),
  fileAccepted: object<Fields<"fileAccepted">>({ file: u32, participant: participantId }, {}),
  fileEnded: object<Fields<"fileEnded">>(
    {
      file: u32,
      participant: participantId,
      outcome: oneOf(["received", "cancelled", "stalled", "interrupted"], "stalled"),
    },
    {},
  ),
  reacted: object<Fields<"reacted">>({ participant: participantId, reaction }, {}),
  participantJoined: object<Fields<"participantJoined">>({ version: u32, participant }, {}),
  participantUpdated: object<Fields<"participantUpdated">>({ version: u32, participant }, {}),
  participantLeft: object<Fields<"participantLeft">>(
    { version: u32, participant: participantId, reason: oneOf(["left", "lost", "removed"], "left") },
    {},
  ),
  topologyChanged: object<Fields<"topologyChanged">>({ version: u32, topology }, {}),
  greet: object<Fields<"greet">>({ peer: participantId, link: u32, polite: boolean }, {}),
  sessionDescription: object<Fields<"sessionDescription">>({ from: participantId, link: u32, description }, {}),
  iceCandidate: object<Fields<"iceCandidate">>({ from: participantId, link: u32, candidate }, {}),
  pictureLimits: object<Fields<"pictureLimits">>({ from: participantId, link: u32, limits: pictureLimits }, {}),
  linkClosed: object<Fields<"linkClosed">>({ peer: participantId, link: u32 }, {}),
  relay: object<Fields<"relay">>({}, { relay }),
  mediaAnswer: object<Fields<"mediaAnswer">>({ session: u32, sdp: text(SDP_LENGTH_MAX) }, {}),
  mediaClosed: object<Fields<"mediaClosed">>(
    { session: u32, code: oneOf(ERROR_CODES, "badServerMessage"), text: text(1024) },
    {},
  ),
  slots: object<Fields<"slots">>({ session: u32, slots: listOfKnown(LINES_MAX, slot) }, {}),
  demand: object<Fields<"demand">>({ session: u32, tracks: list(LINES_MAX, demand) }, {}),
  speakers: object<Fields<"speakers">>({ speaking: list(PARTICIPANTS_MAX, participantId) }, { active: participantId }),
  error: object<Fields<"error">>(
    { code: oneOf(ERROR_CODES, "badServerMessage"), text: text(1024), fatal: boolean },
    {},
  ),
  ping: object<Fields<"ping">>({}, {}),
  pong: object<Fields<"pong">>({}, {}),
};
