/** The vocabulary that the three API levels share. Nothing here knows of the page. */

import type {
  AccessToken,
  ChatMessage,
  ClientMessage,
  Device,
  ErrorCode,
  Knocker,
  OwnerSecret,
  Participant,
  ParticipantId,
  Password,
  PictureLimits,
  Reaction,
  RoomSettings,
  ServerMessage,
  Source,
  Tile,
  TopologyChoice,
  VideoCodec,
} from "../protocol/messages";

export type Negotiation = "perfect" | "simple";

/** Where the signaling stands. `closed` is final: the person left, was superseded, or was refused. */
export type SignalingState =
  | { readonly state: "connecting" }
  | { readonly state: "open" }
  /** Trying for ever; the next attempt is due in `retryInMs`. After a `restart` the server said that it would be back. */
  | {
      readonly state: "reconnecting";
      readonly attempt: number;
      readonly retryInMs: number;
      readonly cause: "loss" | "restart";
    }
  | { readonly state: "closed"; readonly code: ClientErrorCode | "left" };

/**
 * Where the media link to one peer stands.
 * `new → connecting → connected ⇄ interrupted → (connecting | failed)`; `failed` goes on being tried.
 */
export type LinkState = "new" | "connecting" | "connected" | "interrupted" | "failed";

/** The way that a peer's media take: straight from them, or through the server. */
export type Path = "direct" | "server";

/** A picture that comes, or could come, through the server. */
export type Picture = {
  readonly participant: ParticipantId;
  readonly source: Source;
  /** The simulcast layer that comes, 0 for the lowest. */
  readonly layer?: number;
  /** Left out by the server, because the connection is too slow for it. */
  readonly paused: boolean;
  /** How it is encoded, if this browser cannot decode that, so that nothing comes. */
  readonly undecodable?: VideoCodec;
};

/** The protocol's codes, and those that only a client meets. Stable, like the protocol's. */
export type ClientErrorCode =
  | ErrorCode
  | "signalingUnreachable"
  | "badServerMessage"
  | "deviceDenied"
  | "deviceNotFound"
  | "deviceBusy"
  | "deviceLost"
  | "deviceUnsupported"
  | "insecureContext"
  | "noiseFailed"
  | "backgroundFailed"
  | "negotiationFailed"
  | "iceFailed";

export type ClientError = {
  readonly code: ClientErrorCode;
  /** English, for the log; the page has its own sentences by code. */
  readonly text: string;
  /** Whether the call is over because of it. */
  readonly fatal: boolean;
  /** Which device or peer it is about. */
  readonly device?: "mic" | "cam" | "speaker" | "screen";
  readonly peer?: ParticipantId;
};

export type LogEntry = {
  /** Milliseconds since the page was loaded. */
  readonly at: number;
  readonly level: "debug" | "info" | "warn";
  /** A past fact, such as "offerSent". */
  readonly event: string;
  /** Never an address, an SDP, a key or a person's name. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
};

/** Everything that the client tells its owner. Each is optional; none may throw. */
export type Callbacks = {
  readonly signaling?: (state: SignalingState) => void;
  /** The roster changed: the whole of it, in order of arrival, with `self` in it. */
  readonly participants?: (
    self: ParticipantId,
    participants: readonly Participant[],
    room: string,
    settings: RoomSettings | undefined,
  ) => void;
  /** A moderator has to admit one first. */
  readonly waiting?: () => void;
  /** Who waits to be admitted: all of them. Moderators alone are told. */
  readonly knocking?: (people: readonly Knocker[]) => void;
  /** A moderator turned off one's own device, which is to be done in fact; or asks for it to be turned on. */
  readonly turnedOff?: (device: Device, by: ParticipantId) => void;
  readonly askedToTurnOn?: (device: Device, by: ParticipantId) => void;
  /** Written texts came, the oldest first; those of the past may be known by their ids. */
  readonly chat?: (messages: readonly ChatMessage[], isHistory: boolean) => void;
  /** What is told of files. After each snapshot comes `filesOffered`, with none if there are none. */
  readonly file?: (message: FileMessage) => void;
  /** The largest file that may be offered, in bytes; 0 when none may. */
  readonly fileBytes?: (bytes: number) => void;
  readonly reacted?: (participant: ParticipantId, reaction: Reaction) => void;
  readonly remoteConnected?: (peer: ParticipantId) => void;
  readonly remoteDisconnected?: (peer: ParticipantId) => void;
  /** Where that stands by which the peer's media come: the link to them, or the session with the server. */
  readonly linkState?: (peer: ParticipantId, state: LinkState) => void;
  /** The peer's media take another way than before. */
  readonly pathChanged?: (peer: ParticipantId, path: Path) => void;
  /**
   * The peer's stream has other tracks than before; the same `MediaStream` object for the whole life of the peer. There is
   * one for the person, and one for the screen that they share.
   */
  readonly streamUpdated?: (peer: ParticipantId, stream: MediaStream, source: "cam" | "screen") => void;
  /** What comes through the server changed: all of it. */
  readonly picturesChanged?: (pictures: readonly Picture[]) => void;
  /** Who makes sound, as the server measures it where media go through it, and who speaks most. */
  readonly speakers?: (speaking: readonly ParticipantId[], active?: ParticipantId) => void;
  /** The own stream has other tracks than before; always the same object. */
  readonly localStreamUpdated?: (stream: MediaStream) => void;
  /** The own screen is shared, or no longer; always the same object. */
  readonly screenStreamUpdated?: (stream: MediaStream) => void;
  readonly error?: (error: ClientError) => void;
  readonly log?: (entry: LogEntry) => void;
};

/** What is asked of a device: off, the browser's choice, or this very one. */
export type DeviceChoice = boolean | { readonly deviceId: string };

/** What `setMic` and `setCam` came to. */
export type DeviceOutcome =
  | { readonly ok: true; readonly on: boolean; readonly deviceId?: string; readonly label?: string }
  | { readonly ok: false; readonly error: ClientError };

export type PeerStats = {
  readonly peer: ParticipantId;
  readonly path: Path;
  readonly connectionState: RTCPeerConnectionState;
  readonly iceConnectionState: RTCIceConnectionState;
  readonly signalingState: RTCSignalingState;
  readonly localCandidateType?: string;
  readonly remoteCandidateType?: string;
  readonly protocol?: string;
  /** By what the TURN server is reached, if media go through one. */
  readonly relayProtocol?: string;
  readonly roundTripMs?: number;
  readonly sendBitrate?: number;
  readonly receiveBitrate?: number;
  /** Share of packets lost on the way in since the last call, 0 to 1. */
  readonly receiveLoss?: number;
  readonly framesDecoded?: number;
  /** Of the picture that comes. */
  readonly frameHeight?: number;
  readonly codec?: string;
  readonly layer?: number;
  readonly audioLevel?: number;
};

export type WebRTCClientOptions = {
  /** Default: `wss://` (or `ws://`) of this page's own host, `/ws`. */
  readonly url?: string;
  /** Default: `perfect`. */
  readonly negotiation?: Negotiation;
  /** Default: the servers that `welcome` names. */
  readonly iceServers?: readonly RTCIceServer[];
  readonly on?: Callbacks;
};

export type JoinOptions = {
  readonly room: string;
  readonly displayName: string;
  /** Default: one kept in `sessionStorage` for this room, so that a reload is the same participant. */
  readonly participantKey?: string;
  /** Which way media are to take, if this opens the room. Default: the server's choice. */
  readonly topology?: TopologyChoice;
  /** Makes whoever opens the room its owner, and so whoever shows it again. */
  readonly ownerSecret?: OwnerSecret;
  readonly password?: Password;
  /** The operator's, on a server where not everyone may open rooms. */
  readonly openingPassword?: Password;
  /** Who this is and what they may do there, signed by a service that the server's operator trusts. */
  readonly token?: AccessToken;
};

export type FileMessage = Extract<
  ServerMessage,
  { type: "fileOffered" | "filesOffered" | "fileWithdrawn" | "fileAccepted" | "fileEnded" }
>;

/** What is said to the server in a meeting. What it came to is told by the callbacks. */
export type MeetingMessage = Extract<
  ClientMessage,
  {
    type:
      | "admit"
      | "admitAll"
      | "acceptFile"
      | "askToTurnOn"
      | "ban"
      | "chat"
      | "deny"
      | "endFile"
      | "endMeeting"
      | "lowerHand"
      | "offerFile"
      | "raiseHand"
      | "react"
      | "remove"
      | "rename"
      | "setMayPublish"
      | "setOwnerSecret"
      | "setPassword"
      | "setRecording"
      | "setRole"
      | "setRoom"
      | "spotlight"
      | "turnOff"
      | "withdrawFile";
  }
>;

/** `isFiltered`: noise is taken out before anyone hears it. Where the browser cannot, an error `noiseFailed` says so. */
export type MicOptions = { readonly release?: boolean | undefined; readonly isFiltered?: boolean | undefined };

/** What a camera's picture is encoded in. */
export type CameraCodec = "vp8" | "vp9" | "av1";

/**
 * `isSmall`: a small picture will do, which costs the network less. `codec`: it goes to the server in that, if this browser can send it and
 * everybody who wants to see it can decode it, and else in VP8.
 */
export type CamOptions = {
  readonly isSmall?: boolean | undefined;
  readonly codec?: CameraCodec | undefined;
  readonly background?: Background | undefined;
};

/**
 * What is seen behind a person: what is there, the same without its details, or the picture that this gives. Another picture is
 * another function. Where the browser cannot do it the camera stays off: `backgroundFailed`.
 */
export type Background = "none" | "blur" | (() => Promise<ImageBitmap>);

/** `detail`: each letter is sharp, and pictures may come seldom. `motion`: a film runs smoothly, and may blur. */
export type ScreenContent = "detail" | "motion";

/** Level 3: a call, whole. Made by `webRTCClient(options)` in webRTCClient.ts. */
export type WebRTCClient = {
  /** Enters the room. Resolves with one's own id at the first snapshot; rejects with a `ClientError` if refused. */
  readonly join: (options: JoinOptions) => Promise<ParticipantId>;
  /** Leaves, closes every link and stops the own devices. */
  readonly leave: () => void;
  /**
   * Works before `join` (for the preview) and in the call. Muting keeps the device open and disables the track;
   * `release: true` gives the device back. Never throws: a refusal is an outcome.
   */
  readonly setMic: (choice: DeviceChoice, options?: MicOptions) => Promise<DeviceOutcome>;
  /** Turning the camera off stops the track, so that the camera's light goes out. */
  readonly setCam: (choice: DeviceChoice, options?: CamOptions) => Promise<DeviceOutcome>;
  /** Asks the person for a screen, window or tab to share, with its sound where the browser gives it; or ends it. */
  readonly setScreen: (isShared: boolean) => Promise<DeviceOutcome>;
  /** Says what matters most of a shared screen, now and of the next ones. At first it is `detail`. */
  readonly setScreenContent: (content: ScreenContent) => void;
  readonly setDisplayName: (name: string) => void;
  /** Says it if the server can be reached at this moment. */
  readonly say: (message: MeetingMessage) => void;
  /**
   * Says which pictures are shown, the most important first, and how high. Only those come through the server. Until it is
   * said, everybody's do.
   */
  readonly setTiles: (tiles: readonly Tile[]) => void;
  /**
   * Limits how high the others' pictures are, whichever way they come. None come for a height of 0, and there is no limit where one is left out:
   * so it is at first.
   */
  readonly limitPictures: (limits: PictureLimits) => void;
  readonly localStream: () => MediaStream;
  /** The own screen while it is shared. */
  readonly screenStream: () => MediaStream;
  readonly remoteStream: (peer: ParticipantId, source?: "cam" | "screen") => MediaStream | undefined;
  /** The data channel of the present session, by which files go; it may still have to open. `undefined` without a session. */
  readonly fileChannel: () => RTCDataChannel | undefined;
  readonly stats: () => Promise<readonly PeerStats[]>;
  /** Something outside says that the network may have changed or be back: tries everything at once. */
  readonly wake: () => void;
};
