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
    participantsPerRoom: 8,
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

/** Puts the fakes where a browser has the real ones, and time into the hands of the test. */
export function fakeBrowser(): void {
  FakeWebSocket.opened.length = 0;
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeWebSocket);
  vi.stubGlobal("MediaStream", FakeMediaStream);
}

export function realBrowser(): void {
  vi.useRealTimers();
  vi.unstubAllGlobals();
}
