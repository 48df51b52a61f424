/** Level 2: the `RTCPeerConnection` of one session with the server. This end always offers, so offers never cross. */

import type { Demand, MediaTrack, Source } from "../protocol/messages";
import { prepareLine } from "./codecs";
import { linkHealth } from "./linkHealth";
import { logTo } from "./log";
import { pulseOnce } from "./pulseOnce";
import { isSameButForOrigin, withDtx } from "./sdp";
import { senderLines, type LocalTracks } from "./senderLines";
import type { Report } from "./stats";
import type { CameraCodec, LinkState, LogEntry } from "./types";

export type SlotCounts = { readonly audio: number; readonly video: number };

export type SessionConnectionOptions = {
  /** The servers as of now. Their credentials are renewed in a long call: each restart of ICE takes them anew. */
  readonly iceServers: () => readonly RTCIceServer[];
  /** `relay`: by those alone. */
  readonly iceTransportPolicy?: RTCIceTransportPolicy;
  /** How many tracks can come at once; the lines for them are asked for once and for all. */
  readonly slots: SlotCounts;
  /** The stream that the own tracks are announced to belong to. */
  readonly stream: MediaStream;
  /** What to send from the start. */
  readonly tracks: LocalTracks;
  /** How to encode the camera's picture, if nothing speaks against it. */
  readonly codec?: () => CameraCodec;
  readonly on: {
    /** To be carried to the server. It may be lost: see `resync`. */
    readonly offer: (sdp: string, tracks: readonly MediaTrack[]) => void;
    readonly state?: (state: LinkState) => void;
    /** This connection cannot be mended. It asks again until it is closed. */
    readonly renewWanted?: () => void;
    /** Nothing comes by UDP any more, and ICE looks for another way; or something comes again, by whichever. */
    readonly blocked?: (isBlocked: boolean) => void;
    /** Nothing comes for the moment: other ways to the server may be gone, too. */
    readonly doubtful?: () => void;
    readonly log?: (entry: LogEntry) => void;
  };
};

export type SessionConnection = {
  readonly answer: (sdp: string) => void;
  readonly put: (source: Source, track: MediaStreamTrack | null) => void;
  readonly demand: (demands: readonly Demand[]) => void;
  /** What `codec` says has changed. */
  readonly recode: () => void;
  /** The receiving end of a slot. */
  readonly receiver: (mid: string) => RTCRtpReceiver | undefined;
  readonly state: () => LinkState;
  readonly connectionStates: () => Pick<RTCPeerConnection, "connectionState" | "iceConnectionState" | "signalingState">;
  /** Messages may have been lost: says again an offer that was not answered, and mends the session if it does not stand. */
  readonly resync: () => void;
  /** The network may be back: mends the session at once if it does not stand. */
  readonly wake: () => void;
  readonly report: () => Promise<Report>;
  /** The data channel by which files go, which is asked for when it is first wanted. */
  readonly fileChannel: () => RTCDataChannel;
  readonly close: () => void;
};

export function sessionConnection(options: SessionConnectionOptions): SessionConnection {
  const { iceServers, slots, stream, tracks, codec = () => "vp8", on } = options;
  const log = logTo(on.log);
  const configuration = (): RTCConfiguration => ({
    iceServers: [...iceServers()],
    iceTransportPolicy: options.iceTransportPolicy ?? "all",
    bundlePolicy: "max-bundle",
  });
  const connection = new RTCPeerConnection(configuration());
  const sending = senderLines({ connection, stream, tracks, codec, log });
  /** The last answer that was applied, and to what. */
  let applied: { readonly offer: string; readonly answer: string } | undefined;
  let lastStep = Promise.resolve();
  let state: LinkState = "new";
  let channel: RTCDataChannel | undefined;

  const watch = pulseOnce(connection, {
    onDoubtful: () => on.doubtful?.(),
    onSilent: () => health.deaf("restartIce"),
    onBlocked: () => on.blocked?.(true),
    onHeard: () => on.blocked?.(false),
  });
  const health = linkHealth({
    onState(next) {
      state = next;
      if (next === "connected") watch();
      on.state?.(next);
    },
    restartIce() {
      if (iceServers().length > 0) connection.setConfiguration(configuration());
      connection.restartIce();
    },
    renew: () => on.renewWanted?.(),
    log,
  });

  const observe = (): void => health.changed(connection.connectionState, connection.iceConnectionState);
  connection.addEventListener("connectionstatechange", observe);
  connection.addEventListener("iceconnectionstatechange", observe);
  connection.addEventListener("negotiationneeded", () => step(makeOffer));
  sending.open();
  for (let slot = 0; slot < slots.audio; slot += 1) receive("audio");
  for (let slot = 0; slot < slots.video; slot += 1) receive("video");

  function receive(kind: "audio" | "video"): void {
    prepareLine(connection.addTransceiver(kind, { direction: "recvonly" }));
  }

  /** Every step runs to its end before the next begins. */
  function step(run: () => Promise<void>): void {
    const isClosed = (): boolean => connection.signalingState === "closed";
    lastStep = lastStep
      .then(() => (isClosed() ? undefined : run()))
      .catch((error: unknown) => {
        if (!isClosed()) health.broken(error instanceof Error ? error.name : "failed");
      });
  }

  async function makeOffer(): Promise<void> {
    // If an offer is under way, the browser says `negotiationneeded` again once it is answered.
    if (connection.signalingState !== "stable") return;
    await connection.setLocalDescription();
    sayOffer();
  }

  function sayOffer(): void {
    const { localDescription } = connection;
    if (!localDescription || connection.signalingState !== "have-local-offer") return;
    log("mediaOffered", {}, "debug");
    on.offer(localDescription.sdp, sending.described());
  }

  async function takeAnswer(sdp: string): Promise<void> {
    if (connection.signalingState !== "have-local-offer") return log("unexpectedAnswerIgnored", {}, "debug");
    const offer = connection.localDescription?.sdp ?? "";
    // An answer heard before belongs to an offer made before, unless this offer says just the same.
    if (sdp === applied?.answer && !isSameButForOrigin(offer, applied.offer)) return;
    await connection.setRemoteDescription({ type: "answer", sdp: withDtx(sdp, speechLine()) });
    applied = { offer, answer: sdp };
    sending.refresh();
  }

  const speechLine = (): string | undefined => sending.described().find(({ source }) => source === "mic")?.mid;

  return {
    answer: (sdp) => step(() => takeAnswer(sdp)),
    put: sending.put,
    demand: sending.demand,
    recode: sending.recode,
    receiver: (mid) => connection.getTransceivers().find((it) => it.mid === mid)?.receiver,
    state: () => state,
    connectionStates: () => connection,
    resync() {
      step(async () => sayOffer());
      health.wake();
    },
    wake: health.wake,
    report: () => connection.getStats(),
    fileChannel: () => (channel ??= connection.createDataChannel("files", { negotiated: true, id: 0 })),
    close() {
      health.close();
      connection.close();
    },
  };
}
