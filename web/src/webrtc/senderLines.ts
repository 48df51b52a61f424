/**
 * What goes out over a session: one line for the microphone and one for the camera from the start, and one for a screen
 * and its sound from their first use. Turning something on or off is a `replaceTrack`; what nobody receives is not encoded.
 */

import type { Demand, MediaTrack, Source } from "../protocol/messages";
import { prepareLine } from "./codecs";
import { arrange, isEncodedIn, sendable } from "./coding";
import type { Log } from "./log";
import { SCREEN_RATES } from "./screenShare";
import type { CameraCodec } from "./types";

export type LocalTracks = Readonly<Record<Source, MediaStreamTrack | null>>;

export type SenderLines = {
  /** Makes the lines that every session has. */
  readonly open: () => void;
  readonly put: (source: Source, track: MediaStreamTrack | null) => void;
  /** Tells how much of each track is received by anybody: all of them; the others by nobody. */
  readonly demand: (demands: readonly Demand[]) => void;
  /** Another codec of the camera's picture is preferred. */
  readonly recode: () => void;
  /** Both ends agree anew: what a browser refused to set in between is set now. */
  readonly refresh: () => void;
  /** What the lines of the local description carry. */
  readonly described: () => readonly MediaTrack[];
};

/**
 * The camera's layers from the lowest to the highest: about 180, 360 and 720 lines of a camera of today. Higher bitrates
 * look better and cost each receiver as much more.
 */
export const CAMERA_LAYERS: readonly RTCRtpEncodingParameters[] = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000, active: false },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000, active: false },
  { rid: "f", scaleResolutionDownBy: 1, maxBitrate: 1_700_000, active: false },
];

/**
 * Text has to be sharp more than fluent: few pictures a second, each of them large. A film is the other way round. The lower
 * layer is for those whose way bears no more: without it they would see nothing, neither the screen nor the faces beside it.
 */
const SCREEN_LAYERS: readonly RTCRtpEncodingParameters[] = [
  { rid: "q", scaleResolutionDownBy: 2, maxBitrate: 400_000, active: false },
  { rid: "f", scaleResolutionDownBy: 1, maxBitrate: 2_500_000, active: false },
];
/** The pictures a second of these layers. */
const SCREEN_PACES = { detail: [5, SCREEN_RATES.detail], motion: [15, SCREEN_RATES.motion] } as const;
const SCREEN_DEGRADES = { detail: "maintain-resolution", motion: "maintain-framerate" } as const;
const SOUND: RTCRtpEncodingParameters = { active: false };

const ENCODINGS: Readonly<Record<Source, readonly RTCRtpEncodingParameters[]>> = {
  mic: [SOUND],
  cam: CAMERA_LAYERS,
  screen: SCREEN_LAYERS,
  screenAudio: [SOUND],
};
const KINDS = { mic: "audio", cam: "video", screen: "video", screenAudio: "audio" } as const;
const ALWAYS: readonly Source[] = ["mic", "cam"];

export type SenderLinesOptions = {
  readonly connection: RTCPeerConnection;
  readonly stream: MediaStream;
  readonly tracks: LocalTracks;
  readonly codec: () => CameraCodec;
  readonly log: Log;
};

export function senderLines({ connection, stream, tracks, codec, log }: SenderLinesOptions): SenderLines {
  const lines = new Map<Source, RTCRtpTransceiver>();
  const demanded = new Map<Source, number>();
  /** The camera's picture goes out in VP8 to the end: somebody cannot decode anything else, or this browser cannot encode it so. */
  let isSimple = false;
  let wasSvc = false;
  /** Changes to one sender's parameters wait for each other: browsers refuse the second of two at once. */
  const queues = new Map<Source, Promise<void>>();

  function make(source: Source, track: MediaStreamTrack | null): void {
    const line = connection.addTransceiver(track ?? KINDS[source], {
      direction: "sendonly",
      streams: [stream],
      sendEncodings: encodingsOf(source),
    });
    prepareLine(line);
    lines.set(source, line);
  }

  function adjust(source: Source): void {
    const turn = (queues.get(source) ?? Promise.resolve()).then(() => setLayers(source));
    queues.set(source, turn);
  }

  async function setLayers(source: Source): Promise<void> {
    const sender = lines.get(source)?.sender;
    if (!sender) return;
    const wanted = demanded.get(source) ?? 0;
    const parameters = sender.getParameters();
    if (source === "cam") return setCamera(sender, parameters, wanted);
    const isChanged = source === "screen" && adaptScreen(parameters, sender.track);
    if (!isChanged && parameters.encodings.every(({ active }, layer) => active === layer < wanted)) return;
    parameters.encodings.forEach((encoding, layer) => (encoding.active = layer < wanted));
    try {
      await sender.setParameters(parameters);
      log("layersSent", { source, layers: wanted }, "debug");
    } catch {
      log("layersNotSet", { source }, "warn");
    }
  }

  async function setCamera(sender: RTCRtpSender, parameters: RTCRtpSendParameters, wanted: number): Promise<void> {
    const preferred = isSimple ? "vp8" : codec();
    const isSvc = preferred !== "vp8" && sendable(preferred) !== undefined;
    const name = isSvc ? preferred : "vp8";
    wasSvc ||= isSvc;
    // Chromium (156, November 2026) stays with the codec that it was told last until it is told another.
    if (!arrange(parameters, CAMERA_LAYERS, wanted, isSvc, wasSvc ? sendable(name) : undefined)) return;
    try {
      await sender.setParameters(parameters);
      log("layersSent", { source: "cam", layers: wanted, isSvc }, "debug");
      if (!isSvc || isEncodedIn(sender.getParameters(), name)) return;
    } catch {
      log("layersNotSet", { source: "cam" }, "warn");
      if (!isSvc) return;
    }
    isSimple = true;
    await setLayers("cam");
  }

  return {
    open: () => ALWAYS.forEach((source) => make(source, tracks[source])),

    put(source, track) {
      const line = lines.get(source);
      if (!line) return void (track && make(source, track));
      line.sender.replaceTrack(track).then(
        () => source === "screen" && adjust(source),
        () => log("trackNotReplaced", { source }, "warn"),
      );
    },

    demand(demands) {
      for (const [source, { mid }] of lines) {
        const demand = demands.find((it) => it.mid === mid);
        demanded.set(source, demand?.layers ?? 0);
        if (source === "cam" && demand?.undecodable === true) isSimple = true;
        adjust(source);
      }
    },

    recode: () => adjust("cam"),

    refresh: () => [...lines.keys()].forEach(adjust),

    described: () => [...lines].flatMap(([source, { mid }]) => (mid === null ? [] : [{ mid, source }])),
  };
}

function encodingsOf(source: Source): RTCRtpEncodingParameters[] {
  const all = ENCODINGS[source].map((it) => ({ ...it }));
  if (source !== "screen" || encodesScreensInLayers()) return all;
  return all.slice(-1).map(({ rid: _, ...whole }) => whole);
}

/**
 * Firefox is taken to encode a screen in the first of several layers only, which would be the smaller one; that could not be tried,
 * for a headless Firefox shares no screen. It is known by what else it lacks.
 */
const encodesScreensInLayers = (): boolean =>
  typeof MediaStreamTrack === "undefined" || "contentHint" in MediaStreamTrack.prototype;

/** Lets a screen be encoded as its track says that it is. Returns whether that changes anything. */
function adaptScreen(parameters: RTCRtpSendParameters, track: MediaStreamTrack | null): boolean {
  const content = track?.contentHint === "motion" ? "motion" : "detail";
  const before = parameters.degradationPreference;
  parameters.degradationPreference = SCREEN_DEGRADES[content];
  const [slow, fast] = SCREEN_PACES[content];
  const last = parameters.encodings.length - 1;
  parameters.encodings.forEach((encoding, layer) => (encoding.maxFramerate = layer < last ? slow : fast));
  return before !== parameters.degradationPreference;
}
