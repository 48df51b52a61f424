/** One end of a link under test: the real peer connection, and what a person could do to it at any moment. */

import { hearing } from "../../src/webrtc/hearing";
import { peerConnection, type PeerConnection } from "../../src/webrtc/peerConnection";
import type { LogEntry, Negotiation } from "../../src/webrtc/types";
import type { Random } from "./random";
import type { LinkSignal } from "./wire";

export type EndOptions = {
  readonly polite: boolean;
  readonly negotiation: Negotiation;
  readonly random: Random;
  readonly send: (signal: LinkSignal) => void;
};

type Place = "mic" | "cam";

export type End = {
  readonly receive: (signal: LinkSignal) => void;
  readonly resync: () => void;
  /** Does one thing by chance, and returns its name. */
  readonly act: () => string;
  /** Turns microphone and camera on, for the media to be counted. Both ends do it, and expect it of each other. */
  readonly sendAll: () => void;
  /** Lets everything that was received be dealt with; then says whether this end agrees with the other. */
  readonly isStable: () => Promise<boolean>;
  /** Whether this end asked for another link. */
  readonly wantsRenewal: () => boolean;
  /** Goes on with another link, as if the server had greeted. */
  readonly renew: () => void;
  /** What was decoded so far of the peer's microphone (packets) and camera (frames) over this link. */
  readonly received: () => Promise<Record<Place, number>>;
  /** What the browser refused, if anything. */
  readonly complaints: readonly string[];
  readonly log: readonly LogEntry[];
  /** How things stand, for whoever has to find out what went wrong. */
  readonly describe: () => Promise<string>;
  readonly close: () => void;
};

/** Tracks sent besides microphone and camera, such as a screen. */
const FURTHER_MAX = 2;

type Opened = { readonly connection: PeerConnection; readonly browserConnection: RTCPeerConnection };

let devices: Promise<MediaStream> | undefined;

/** A small picture, since what is tested is not the encoder. */
const openDevices = (): Promise<MediaStream> =>
  (devices ??= navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 160, height: 120, frameRate: 10 } }));

export async function makeEnd({ polite, negotiation, random, send }: EndOptions): Promise<End> {
  const stream = await openDevices();
  const fresh = (place: Place): MediaStreamTrack =>
    (place === "mic" ? stream.getAudioTracks() : stream.getVideoTracks())[0]!.clone();
  const tracks: Record<Place, MediaStreamTrack | null> = { mic: null, cam: null };
  const further: { readonly track: MediaStreamTrack; readonly remove: () => void }[] = [];
  const complaints: string[] = [];
  const log: LogEntry[] = [];

  const ears = hearing();
  let isExpecting = false;
  let number = 0;
  let wantsRenewal = false;
  let { connection, browserConnection } = open();

  function open(): Opened {
    number += 1;
    const own = number;
    return withBrowserConnection(() =>
      peerConnection({
        negotiation,
        polite,
        iceServers: [],
        stream: new MediaStream(),
        mic: tracks.mic,
        cam: tracks.cam,
        expected: () => ({ mic: isExpecting, cam: isExpecting }),
        hearing: ears,
        on: {
          signal: (signal) => send({ link: own, signal }),
          renewWanted: () => (wantsRenewal = true),
          log(entry) {
            log.push(entry);
            if (entry.event === "linkBroken") complaints.push(String(entry.details?.why));
          },
        },
      }),
    );
  }

  function renew(): void {
    connection.close();
    while (further.length > 0) removeFurther();
    wantsRenewal = false;
    ({ connection, browserConnection } = open());
  }

  function put(place: Place, track: MediaStreamTrack | null): void {
    tracks[place]?.stop();
    tracks[place] = track;
    connection.put(place, track);
  }

  function addFurther(): void {
    const track = fresh(random.chance(0.5) ? "mic" : "cam");
    const remove = connection.add(track);
    if (remove) further.push({ track, remove });
  }

  function removeFurther(): void {
    const [gone] = further.splice(random.whole(further.length), 1);
    gone?.remove();
    gone?.track.stop();
  }

  const operations: Record<string, () => void> = {
    toggleMic: () => put("mic", tracks.mic ? null : fresh("mic")),
    toggleCam: () => put("cam", tracks.cam ? null : fresh("cam")),
    replaceMic: () => put("mic", fresh("mic")),
    replaceCam: () => put("cam", fresh("cam")),
    add: () => (further.length < FURTHER_MAX ? addFurther() : removeFurther()),
    remove: removeFurther,
    restartIce: () => connection.restartIce(),
    resync: () => connection.resync(),
  };

  const transceiver = (place: Place): RTCRtpTransceiver | undefined =>
    browserConnection.getTransceivers().find((it) => it.mid === (place === "mic" ? "0" : "1"));

  return {
    complaints,
    log,
    renew,
    receive: ({ link, signal }) => link === number && connection.receive(signal),
    resync: () => connection.resync(),
    wantsRenewal: () => wantsRenewal,
    act() {
      isExpecting = false;
      const name = random.pick(Object.keys(operations));
      operations[name]!();
      return name;
    },
    sendAll() {
      isExpecting = true;
      put("mic", fresh("mic"));
      put("cam", fresh("cam"));
    },
    async isStable() {
      await connection.settled();
      return connection.signalingState() === "stable";
    },
    received: async () => ({
      mic: await count(transceiver("mic"), "packetsReceived"),
      cam: await count(transceiver("cam"), "framesDecoded"),
    }),
    describe: () => describe(browserConnection),
    close() {
      connection.close();
      put("mic", null);
      put("cam", null);
      while (further.length > 0) removeFurther();
    },
  };
}

async function count(transceiver: RTCRtpTransceiver | undefined, field: string): Promise<number> {
  let total = 0;
  (await transceiver?.receiver.getStats())?.forEach((entry: Record<string, unknown>) => {
    if (entry.type === "inbound-rtp") total += Number(entry[field] ?? 0);
  });
  return total;
}

async function describe(connection: RTCPeerConnection): Promise<string> {
  const transceivers = connection.getTransceivers().map((it) => {
    const { mid, direction, currentDirection, sender, receiver } = it;
    return `${mid}:${receiver.track.kind}:${direction}/${currentDirection}${sender.track ? ":sending" : ""}`;
  });
  const counts: string[] = [];
  (await connection.getStats()).forEach((it: Record<string, unknown>) => {
    if (it.type === "inbound-rtp") counts.push(`${it.mid}<${it.packetsReceived}/${it.framesDecoded}`);
    if (it.type === "outbound-rtp") counts.push(`${it.mid}>${it.packetsSent}`);
    if (it.type === "candidate-pair")
      counts.push(
        `pair ${it.state} nom${it.nominated} ${it.bytesReceived}<>${it.bytesSent} req${it.requestsSent}/${it.requestsReceived}`,
      );
    if (it.type === "transport") counts.push(`dtls ${it.dtlsState} ${it.packetsReceived}<>${it.packetsSent}`);
  });
  const { signalingState, connectionState, iceConnectionState } = connection;
  return [signalingState, connectionState, iceConnectionState, ...transceivers, ...counts].join(" ");
}

/** Lends an eye on the browser's own object, which the module under test keeps to itself. */
function withBrowserConnection(make: () => PeerConnection): Opened {
  const Original = RTCPeerConnection;
  const made: RTCPeerConnection[] = [];
  // An object that a constructor returns is what `new` gives.
  globalThis.RTCPeerConnection = function (configuration?: RTCConfiguration) {
    const connection = new Original(configuration);
    made.push(connection);
    return connection;
  } as unknown as typeof RTCPeerConnection;
  try {
    const connection = make();
    return { connection, browserConnection: made[0]! };
  } finally {
    globalThis.RTCPeerConnection = Original;
  }
}
