/** Everything that the page shows, as plain data. Streams, sockets and elements live in runtime/; here are their ids. */

import type {
  Device as PublishedDevice,
  FileId,
  FileOffer,
  Knocker,
  Participant,
  ParticipantId,
  Reaction,
  Role,
  RoomSettings,
  TopologyChoice,
  VideoCodec,
} from "../protocol/messages";
import type {
  ClientErrorCode,
  LinkState,
  LogEntry,
  MeetingMessage,
  Path,
  PeerStats,
  ScreenContent,
  SignalingState,
} from "../webrtc/types";
import type { Trials } from "./checkup";
import type { Size, Spot } from "./layout";
import type { RecordingOutcome } from "./recording";
import type { RoomNameProblem } from "./roomName";
import type { DeviceKind, Language, Settings } from "./settings";
import type { TileId, TileSource } from "./tiles";

export type Model = {
  /** What the browser and the address bar said when the page was opened. */
  readonly surroundings: Surroundings;
  readonly settings: Settings;
  /** The language on the page now: the chosen one, once it has been loaded. */
  readonly language: Language;
  readonly devices: readonly Device[];
  /** Nobody has said yet whether to use it. */
  readonly offer: Offer | null;
  readonly pageHidden: boolean;
  readonly fullScreen: boolean;
  /** A small window shows the call over other windows. */
  readonly isFloating: boolean;
  readonly dialog: Dialog | null;
  readonly announcement: Announcement | null;
  readonly diagnostics: Diagnostics;
  readonly page: Page;
};

export type Surroundings = {
  /** Such as `https://allo.example.org`. */
  readonly origin: string;
  readonly browserLanguages: readonly string[];
  readonly isApple: boolean;
  readonly canFullScreen: boolean;
  /** What can float over other windows: a page with its buttons, a picture alone, or nothing. */
  readonly floating: "page" | "picture" | null;
  readonly canChooseSpeaker: boolean;
  readonly canShareScreen: boolean;
  readonly canRecord: boolean;
  /** How many pictures of others can come through the server at once. */
  readonly slots: number;
  /** Which way media are to take in a room that this page opens; `null` leaves it to the server. */
  readonly topology: TopologyChoice | null;
  /** Whether one has signed in; `null` where nobody can. */
  readonly login: Login | null;
};

export type Login = {
  readonly isSignedIn: boolean;
  /** What one is called there, if that is known. */
  readonly name: string | null;
  /** One has just tried in vain. */
  readonly hasFailed: boolean;
};

/** One camera, microphone or speaker that the browser lists. Labels are empty until one of them was allowed. */
export type Device = {
  readonly kind: DeviceKind;
  readonly deviceId: string;
  readonly label: string;
  /** The same for the parts of one thing; empty where the browser does not tell. */ readonly group: string;
};

/** A thing that was plugged in during the call, and what it has. */
export type Offer = { readonly label: string; readonly deviceIds: Readonly<Partial<Record<DeviceKind, string>>> };

export type Page = LandingPage | PreJoinPage | RoomPage | LeftPage | CheckupPage;

export type LandingPage = {
  readonly page: "landing";
  readonly draft: string;
  readonly problem: RoomNameProblem | null;
};

/** Where people see to their name and devices. Also shown while the server is asked to let them in. */
export type PreJoinPage = {
  readonly page: "preJoin";
  readonly room: string;
  readonly own: OwnDevices;
  /** The loudness at the microphone, 0 to 1. */
  readonly level: number;
  readonly joining: boolean;
  /** Where the way to the server stands, once joining has begun. */
  readonly signaling: SignalingState | null;
  readonly refusal: ClientErrorCode | null;
  /** A moderator has to admit one first. */
  readonly isWaiting: boolean;
  /** Whose password is asked for, once the server has said that it needs one. */
  readonly passwordOf: "room" | "server" | null;
  readonly password: string;
};

export type RoomPage = {
  readonly page: "room";
  readonly room: string;
  readonly self: ParticipantId;
  readonly own: OwnDevices;
  readonly signaling: SignalingState;
  /** In order of arrival, oneself included. */
  readonly people: readonly Person[];
  readonly stage: Size;
  /** Device pixels in one CSS pixel. */
  readonly pixelRatio: number;
  readonly layout: Layout;
  /** Leaves those without a picture off the stage. They are heard all the same. */
  readonly isOnlyVideo: boolean;
  /** The tile that is kept large. It may be gone. */
  readonly pinned: TileId | null;
  /** Which page of tiles is wanted, from 0; there may be fewer by now. */
  readonly shownPage: number;
  /** Who speaks most, or did last. */
  readonly active: ParticipantId | null;
  /** Who makes sound, as the server says. */
  readonly speaking: readonly ParticipantId[];
  /** Whose connection's details are shown. */
  readonly inspected: ParticipantId | null;
  readonly screen: OwnDevice;
  readonly recording: OwnRecording;
  /** What matters most of the shared screen. */
  readonly screenContent: ScreenContent;
  /** Why the server carries no media for this page, if it refused to. */
  readonly mediaRefusal: ClientErrorCode | null;
  readonly inset: Spot;
  /** The inset follows the pointer: it moves without delay, and finds its corner when let go. */
  readonly isInsetHeld: boolean;
  /** The browser plays no sound before the person has touched the page. */
  readonly isSoundBlocked: boolean;
  /** The microphone is on for as long as a key is held. */
  readonly isTalkHeld: boolean;
  /** How much was said into a microphone that is off; `told` once the person knows. */
  readonly mutedTalk: number | "told";
  /** How the room is kept; `null` with a server that knows of no meetings. */
  readonly rules: RoomSettings | null;
  /** Who waits to be let in, as moderators are told. */
  readonly knocking: readonly Knocker[];
  readonly chat: Chat;
  readonly panel: Panel | null;
  readonly roll: Roll;
  readonly signs: readonly Sign[];
  /** A moderator asks for a device to be turned on. Nobody but the person can do it. */
  readonly asked: { readonly device: PublishedDevice; readonly by: string } | null;
  /** What is to be done once it has been confirmed. */
  readonly question: Question | null;
};

export type Panel = "chat" | "people";

export type Chat = {
  /** The oldest first. */
  readonly lines: readonly ChatLine[];
  readonly draft: string;
  /** To whom the draft is; to everyone if `null`. They may be gone. */
  readonly to: Recipient | null;
  readonly unread: number;
  readonly files: readonly FileLine[];
  /** The largest file that may be sent; 0 when none may. */
  readonly fileBytes: number;
};

export type Recipient = { readonly id: ParticipantId; readonly name: string };

/** A file that somebody offers. What is in it is in runtime/fileTransfers. */
export type FileLine = {
  readonly id: FileId;
  /** By which the own page knows its file. */
  readonly reference: number;
  readonly from: ParticipantId;
  readonly name: string;
  readonly to: ParticipantId | null;
  readonly fileName: string;
  readonly bytes: number;
  /** When it was offered, in milliseconds since 1970. */
  readonly at: number;
  readonly state: FileState;
  /** Bytes that came; of an own file, that were sent. */
  readonly done: number;
  /** Who takes an own file now. */
  readonly takers: readonly ParticipantId[];
  /** How many have all of an own file. */
  readonly received: number;
};

/** `coming`: it is on its way here. The last four: it was, or is not offered any more. */
export type FileState = "offered" | "coming" | "saved" | "stalled" | "interrupted" | "withdrawn";

/** A file that was chosen to be sent, by the number under which the page holds it. */
export type ChosenFile = Pick<FileOffer, "reference" | "name" | "bytes" | "mediaType">;

export type ChatLine = {
  readonly id: number;
  readonly from: ParticipantId;
  readonly name: string;
  /** To whom alone, if it is not for everyone. */
  readonly to: ParticipantId | null;
  readonly text: string;
  /** When it was written, in milliseconds since 1970. */
  readonly at: number;
};

/** How the panel shows people. */
export type Roll = {
  readonly search: string;
  readonly order: "arrival" | "name";
  /** Whose actions are shown. */
  readonly unfolded: ParticipantId | null;
};

/** A reaction that is shown for a few seconds. */
export type Sign = { readonly number: number; readonly person: ParticipantId; readonly reaction: Reaction };

export type Question =
  | { readonly kind: "order"; readonly order: ConfirmedOrder; readonly name: string }
  | { readonly kind: "rename"; readonly person: ParticipantId; readonly name: string; readonly draft: string };

/** What is not done by a slip of the finger. */
export type ConfirmedOrder = Extract<MeetingMessage, { type: "remove" | "ban" | "endMeeting" }>;

/** `speaker` shows who speaks in one large tile; `sideBySide` shows two: a screen and whose it is, or who speaks and another. */
export type Layout = "grid" | "speaker" | "sideBySide";
export const LAYOUTS: readonly Layout[] = ["grid", "speaker", "sideBySide"];

export type LeftPage = {
  readonly page: "left";
  readonly room: string;
  readonly reason: "left" | ClientErrorCode;
  /** What was on, so that rejoining brings it back. */
  readonly wanted: { readonly mic: boolean; readonly cam: boolean };
};

/** Where people try their devices and their network. */
export type CheckupPage = {
  readonly page: "checkup";
  readonly own: OwnDevices;
  /** The loudness at the microphone, 0 to 1; and the most of it so far. */
  readonly level: number;
  readonly loudest: number;
  /** Whether a tone was played, and what the person said of it. */
  readonly tone: "unasked" | "played" | "heard" | "unheard";
  readonly phase: "ready" | "running" | "done";
  readonly trials: Trials;
};

export type OwnDevice =
  | { readonly state: "off"; readonly problem: ClientErrorCode | null }
  | { readonly state: "opening" }
  | { readonly state: "on" };

/** Whether one records oneself: see recording.ts. */
export type OwnRecording = "off" | "preparing" | "announced" | "running";

export type OwnDevices = { readonly mic: OwnDevice; readonly cam: OwnDevice };

/** Somebody in the room, as the server, the link and the stream tell of them. */
export type Person = Participant & {
  /** The media link to them; `null` for oneself and before it is begun. */
  readonly link: LinkState | null;
  /** The way that their media take; `null` before there is one. */
  readonly path: Path | null;
  /** Whether the link has ever been connected: until then it is connecting, afterwards it is reconnecting. */
  readonly wasConnected: boolean;
  /** The size of their picture; nothing until the first frame. */
  readonly video: Size | null;
  /** The same of the screen that they share. */
  readonly screenVideo: Size | null;
  /** Which of their pictures are left out because the own connection is too slow. */
  readonly paused: readonly TileSource[];
  /** How those of their pictures are encoded that this browser cannot show. */
  readonly undecodable: Readonly<Partial<Record<TileSource, VideoCodec>>>;
  /** For how many more measurements they count as speaking; 0 when silent. */
  readonly voice: number;
};

export type Dialog =
  "devices" | "shortcuts" | "diagnostics" | "connection" | "layout" | "settings" | "meeting" | "confirm" | "rename";

/** What has just happened, shown for some seconds and read by screen readers. */
export type Announcement =
  | { readonly kind: "copied" }
  | { readonly kind: "copyFailed"; readonly text: string }
  | { readonly kind: "reportCopied" }
  | { readonly kind: "ownerLinkCopied" }
  | { readonly kind: "handRaised"; readonly name: string }
  | { readonly kind: "chat"; readonly name: string; readonly text: string }
  | { readonly kind: "fileTooBig"; readonly bytes: number }
  /** Without the server at hand it cannot be sent. */
  | { readonly kind: "notSent" }
  | { readonly kind: "refused"; readonly code: ClientErrorCode }
  | { readonly kind: "turnedOff"; readonly device: PublishedDevice; readonly by: string }
  | { readonly kind: "mayNot"; readonly device: PublishedDevice }
  /** Somebody shares theirs, and it is one at a time. */
  | { readonly kind: "screenTaken"; readonly by: string }
  | { readonly kind: "role"; readonly role: Role }
  /** Somebody speaks, and nobody hears it: the microphone is off. */
  | { readonly kind: "mutedTalk" }
  | { readonly kind: "replaced"; readonly device: DeviceKind }
  | { readonly kind: "pictureUnreadable" }
  | { readonly kind: "recording"; readonly outcome: RecordingOutcome }
  | { readonly kind: "screenFailed"; readonly code: ClientErrorCode }
  | { readonly kind: "joined" | "left"; readonly name: string };

export type Diagnostics = {
  readonly log: readonly LogEntry[];
  readonly errors: readonly LoggedError[];
  readonly stats: readonly PeerStats[];
};

export type LoggedError = { readonly at: number; readonly code: ClientErrorCode; readonly text: string };
