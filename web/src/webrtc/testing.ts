/** What the unit tests of this folder share: the ends of wires, without wires. */

import { vi } from "vitest";
import type { ClientMessage, ServerMessage } from "../protocol/messages";
import type { PageEvents, WatchPage } from "./pageEvents";

/** A WebSocket whose server is the test. */
export class FakeWebSocket {
  static readonly opened: FakeWebSocket[] = [];
  /** The one opened last. */
  static last(): FakeWebSocket {
    const last = FakeWebSocket.opened.at(-1);
    if (!last) throw new Error("no WebSocket was opened");
    return last;
  }

  readonly OPEN = 1;
  readyState = 0;
  bufferedAmount = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly said: ClientMessage[] = [];
  closedWith: number | undefined;

  constructor(readonly url: string) {
    FakeWebSocket.opened.push(this);
  }

  send(text: string): void {
    this.said.push(JSON.parse(text) as ClientMessage);
  }

  close(code: number): void {
    this.readyState = 3;
    this.closedWith = code;
  }

  /** The server accepts the connection. */
  accept(): this {
    this.readyState = 1;
    this.onopen?.();
    return this;
  }

  /** The server says something. */
  hear(message: ServerMessage | string): this {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
    return this;
  }

  /** The server, or the network, ends the connection. */
  drop(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  types(): string[] {
    return this.said.map(({ type }) => type);
  }
}

export const WELCOME: Extract<ServerMessage, { type: "welcome" }> = {
  type: "welcome",
  protocolVersion: 1,
  server: "allo/test",
  limits: {
    messageBytes: 65_536,
    messagesPerSecond: 50,
    messageBurst: 200,
    displayNameGraphemes: 64,
    roomNameBytes: 128,
    participantsPerRoom: 100,
    participantsPerMesh: 8,
    tracksPerParticipant: 6,
    linesPerSession: 32,
    joinTimeoutMs: 10_000,
    pingIntervalMs: 1_500,
    missedPongs: 3,
    leaseMs: 18_000,
  },
  iceServers: [],
  features: { mesh: true },
};

/** A page whose events the test makes. */
export function fakePage(): { readonly watchPage: WatchPage; readonly page: Required<PageEvents> } {
  let listeners: PageEvents = {};
  return {
    watchPage(events) {
      listeners = events;
      return () => (listeners = {});
    },
    page: {
      woke: () => listeners.woke?.(),
      hidden: () => listeners.hidden?.(),
      shown: () => listeners.shown?.(),
    },
  };
}

/** A track of a device that the test can unplug. */
export class FakeTrack extends EventTarget {
  enabled = true;
  readyState = "live";

  constructor(
    readonly kind: "audio" | "video",
    readonly deviceId: string,
  ) {
    super();
  }

  get label(): string {
    return this.deviceId;
  }

  constraints: MediaTrackConstraints | undefined;

  async applyConstraints(constraints: MediaTrackConstraints): Promise<void> {
    this.constraints = constraints;
  }

  getSettings(): { deviceId: string } {
    return { deviceId: this.deviceId };
  }

  stop(): void {
    this.readyState = "ended";
  }

  unplug(): void {
    this.stop();
    this.dispatchEvent(new Event("ended"));
  }
}

/** A set of tracks, as far as the client uses one. */
export class FakeMediaStream {
  private readonly tracks = new Set<FakeTrack>();

  addTrack(track: FakeTrack): void {
    this.tracks.add(track);
  }

  removeTrack(track: FakeTrack): void {
    this.tracks.delete(track);
  }

  getTracks(): FakeTrack[] {
    return [...this.tracks];
  }
}

/** A line of a `FakePeerConnection`. */
export class FakeTransceiver {
  mid: string | null = null;
  readonly sender: {
    track: MediaStreamTrack | null;
    encodings: RTCRtpEncodingParameters[];
    replaceTrack: (track: MediaStreamTrack | null) => Promise<void>;
    getParameters: () => RTCRtpSendParameters;
    setParameters: (parameters: RTCRtpSendParameters) => Promise<void>;
  };
  readonly receiver: { readonly track: FakeTrack; readonly getStats: () => Promise<Map<string, object>> };

  constructor(
    kind: "audio" | "video",
    track: MediaStreamTrack | null,
    readonly direction: string,
    encodings: readonly RTCRtpEncodingParameters[],
  ) {
    this.receiver = { track: new FakeTrack(kind, "remote"), getStats: async () => new Map() };
    this.sender = {
      track,
      encodings: [...encodings],
      replaceTrack: async (next) => void (this.sender.track = next),
      getParameters: () => ({ encodings: structuredClone(this.sender.encodings) }) as RTCRtpSendParameters,
      setParameters: async ({ encodings: next }) => void (this.sender.encodings = next),
    };
  }

  /** Which layers are sent, the lowest first. */
  get active(): (boolean | undefined)[] {
    return this.sender.encodings.map(({ active }) => active);
  }

  setCodecPreferences(): void {}
}

/** An `RTCPeerConnection` that negotiates with the test, and sends nothing. */
export class FakePeerConnection extends EventTarget {
  static readonly made: FakePeerConnection[] = [];
  connectionState: RTCPeerConnectionState = "new";
  iceConnectionState: RTCIceConnectionState = "new";
  signalingState: RTCSignalingState = "stable";
  localDescription: { readonly type: "offer"; readonly sdp: string } | null = null;
  readonly lines: FakeTransceiver[] = [];
  private offers = 0;

  constructor(public configuration: RTCConfiguration = {}) {
    super();
    FakePeerConnection.made.push(this);
  }

  addTransceiver(from: "audio" | "video" | MediaStreamTrack, init: RTCRtpTransceiverInit): FakeTransceiver {
    const [kind, track] = typeof from === "string" ? [from, null] : [from.kind as "audio" | "video", from];
    const line = new FakeTransceiver(kind, track, init.direction ?? "sendrecv", init.sendEncodings ?? []);
    this.lines.push(line);
    this.needNegotiation();
    return line;
  }

  getTransceivers(): FakeTransceiver[] {
    return this.lines;
  }

  setConfiguration(configuration: RTCConfiguration): void {
    this.configuration = configuration;
  }

  restartIce(): void {
    this.needNegotiation();
  }

  async setLocalDescription(): Promise<void> {
    this.lines.forEach((line, index) => (line.mid = String(index)));
    this.offers += 1;
    this.localDescription = { type: "offer", sdp: `offer ${this.offers} of ${this.lines.length} lines` };
    this.signalingState = "have-local-offer";
  }

  async setRemoteDescription(): Promise<void> {
    this.signalingState = "stable";
  }

  async getStats(): Promise<Map<string, object>> {
    return new Map();
  }

  enter(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }

  close(): void {
    this.signalingState = "closed";
  }

  private needNegotiation(): void {
    queueMicrotask(() => this.signalingState === "stable" && this.dispatchEvent(new Event("negotiationneeded")));
  }
}

/** Puts the fakes where a browser has the real ones, and time into the hands of the test. */
export function fakeBrowser(): void {
  FakeWebSocket.opened.length = 0;
  FakePeerConnection.made.length = 0;
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeWebSocket);
  vi.stubGlobal("MediaStream", FakeMediaStream);
  vi.stubGlobal("RTCPeerConnection", FakePeerConnection);
  vi.stubGlobal("RTCRtpReceiver", { getCapabilities: () => null });
}

export function realBrowser(): void {
  vi.useRealTimers();
  vi.unstubAllGlobals();
}
