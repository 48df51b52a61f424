/** The vocabulary that the three API levels share. Nothing here knows of the page. */

import type { ErrorCode, Participant, ParticipantId } from "../protocol/messages";

export type Negotiation = "perfect" | "simple";

/** Where the signaling stands. `closed` is final: the person left, was superseded, or was refused. */
export type SignalingState =
  | { readonly state: "connecting" }
  | { readonly state: "open" }
  /** Trying for ever; the next attempt is due in `retryInMs`. */
  | { readonly state: "reconnecting"; readonly attempt: number; readonly retryInMs: number }
  | { readonly state: "closed"; readonly code: ClientErrorCode | "left" };

/**
 * Where the media link to one peer stands.
 * `new → connecting → connected ⇄ interrupted → (connecting | failed)`; `failed` goes on being tried.
 */
export type LinkState = "new" | "connecting" | "connected" | "interrupted" | "failed";

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
  | "negotiationFailed"
  | "iceFailed";

export type ClientError = {
  readonly code: ClientErrorCode;
  /** English, for the log; the page has its own sentences by code. */
  readonly text: string;
  /** Whether the call is over because of it. */
  readonly fatal: boolean;
  /** Which device or peer it is about. */
  readonly device?: "mic" | "cam" | "speaker";
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
  readonly participants?: (self: ParticipantId, participants: readonly Participant[], room: string) => void;
  readonly remoteConnected?: (peer: ParticipantId) => void;
  readonly remoteDisconnected?: (peer: ParticipantId) => void;
  readonly linkState?: (peer: ParticipantId, state: LinkState) => void;
  /** The peer's stream has other tracks than before; the same `MediaStream` object for the whole life of the peer. */
  readonly streamUpdated?: (peer: ParticipantId, stream: MediaStream) => void;
  /** The own stream has other tracks than before; always the same object. */
  readonly localStreamUpdated?: (stream: MediaStream) => void;
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
  readonly connectionState: RTCPeerConnectionState;
  readonly iceConnectionState: RTCIceConnectionState;
  readonly signalingState: RTCSignalingState;
  readonly localCandidateType?: string;
  readonly remoteCandidateType?: string;
  readonly protocol?: string;
  readonly roundTripMs?: number;
  readonly sendBitrate?: number;
  readonly receiveBitrate?: number;
  /** Share of packets lost on the way in since the last call, 0 to 1. */
  readonly receiveLoss?: number;
  readonly framesDecoded?: number;
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
};

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
  readonly setMic: (choice: DeviceChoice, options?: { readonly release?: boolean }) => Promise<DeviceOutcome>;
  /** Turning the camera off stops the track, so that the camera's light goes out. */
  readonly setCam: (choice: DeviceChoice) => Promise<DeviceOutcome>;
  readonly setDisplayName: (name: string) => void;
  readonly localStream: () => MediaStream;
  readonly remoteStream: (peer: ParticipantId) => MediaStream | undefined;
  readonly stats: () => Promise<readonly PeerStats[]>;
  /** Something outside says that the network may have changed or be back: tries everything at once. */
  readonly wake: () => void;
};
