/**
 * What goes out over one link: a place for the microphone, one for the camera, and further tracks.
 *
 * The impolite end makes both places before its first offer, whether or not there is anything to put into them; the polite end
 * takes the places that the offer has. Both are `sendrecv` from then on. So turning a device on or off, or taking another
 * one, is a `replaceTrack` and never a negotiation. Nor is it one to send smaller pictures, or none to who wants none.
 */

import type { PictureLimits } from "../protocol/messages";
import { preferRedundancy } from "./codecs";
import type { Log } from "./log";
import { cameraBitrate, limitEncoding, type EncodingLimits } from "./pictureLimits";

export type Place = "mic" | "cam";

export type Senders = {
  /** Makes the places; the impolite end's part. */
  readonly open: () => void;
  /** Takes the places that the peer's offer has, and makes what it lacks if this end may offer. */
  readonly adopt: () => void;
  readonly put: (place: Place, track: MediaStreamTrack | null) => void;
  /** Sends one more track, until the returned function is called. `undefined` where this end may not offer. */
  readonly add: (track: MediaStreamTrack) => (() => void) | undefined;
  /** The most that the camera's picture may take, in bit/s. */
  readonly limitVideo: (maxBitrate: number) => void;
  /** Sends pictures no larger than the peer wants them. */
  readonly limitPictures: (limits: PictureLimits) => void;
  /** What the peer sends in this place, if anything: sound and pictures have the same two places both ways. */
  readonly receiver: (place: Place) => RTCRtpReceiver | undefined;
  /** Both ends agree: what had to wait for that is done. */
  readonly refresh: () => void;
};

const KINDS = { mic: "audio", cam: "video" } as const;
const PLACES = ["mic", "cam"] as const;

export type SendersOptions = {
  readonly connection: RTCPeerConnection;
  readonly mayOffer: boolean;
  /** Tells the peer which tracks belong together, so that lips and voice stay in step. */
  readonly stream: MediaStream;
  readonly log: Log;
};

export function senders({ connection, mayOffer, stream, log }: SendersOptions): Senders {
  const tracks: Record<Place, MediaStreamTrack | null> = { mic: null, cam: null };
  const places: Partial<Record<Place, RTCRtpTransceiver>> = {};
  /** Further tracks; those without a transceiver wait until the places are there, which come first. */
  const further = new Map<MediaStreamTrack, RTCRtpTransceiver | undefined>();
  /**
   * Transceivers of tracks that are no longer sent, to be used again. They are not stopped: Chromium (156, November 2026)
   * asks for negotiation without end once ICE was restarted after a stop, because the stopped section keeps its
   * credentials.
   */
  const spare: RTCRtpTransceiver[] = [];
  let maxBitrate: number | undefined;
  let limits: PictureLimits = {};
  /** One limit after the other: a browser refuses parameters that were read before others were set. */
  let limiting = Promise.resolve();

  function make(place: Place): void {
    const init: RTCRtpTransceiverInit = { direction: "sendrecv", streams: [stream] };
    const made = connection.addTransceiver(tracks[place] ?? KINDS[place], init);
    preferRedundancy(made);
    places[place] = made;
  }

  function take(place: Place): void {
    const others = new Set([...Object.values(places), ...further.values(), ...spare]);
    const free = connection
      .getTransceivers()
      .find((it) => it.receiver.track.kind === KINDS[place] && !isStopped(it) && !others.has(it));
    if (!free) return mayOffer ? make(place) : log("noPlaceOffered", { place }, "warn");
    places[place] = free;
    free.direction = "sendrecv";
    preferRedundancy(free);
    free.sender.setStreams(stream);
    replace(free, tracks[place]);
  }

  function replace(transceiver: RTCRtpTransceiver, track: MediaStreamTrack | null): void {
    transceiver.sender.replaceTrack(track).catch(() => log("trackNotReplaced", {}, "warn"));
  }

  function send(track: MediaStreamTrack): void {
    const transceiver = connection.addTransceiver(track, {
      direction: "sendonly",
      streams: [new MediaStream([track])],
    });
    further.set(track, transceiver);
  }

  return {
    open: () => PLACES.forEach(make),

    adopt() {
      for (const place of PLACES) {
        const present = places[place];
        if (!present || isStopped(present)) take(place);
      }
      for (const [track, transceiver] of further) if (!transceiver) send(track);
    },

    put(place, track) {
      tracks[place] = track;
      const transceiver = places[place];
      if (transceiver && !isStopped(transceiver)) replace(transceiver, track);
      limit();
    },

    add(track) {
      if (!mayOffer) return undefined;
      further.set(track, undefined);
      if (places.mic && places.cam) send(track);
      limit();
      return () => {
        const transceiver = further.get(track);
        further.delete(track);
        if (!transceiver || isStopped(transceiver)) return;
        transceiver.direction = "inactive";
        replace(transceiver, null);
        spare.push(transceiver);
      };
    },

    limitVideo(bitrate) {
      maxBitrate = bitrate;
      limit();
    },

    limitPictures(wanted) {
      limits = wanted;
      limit();
    },

    receiver: (place) => places[place]?.receiver,
    refresh: limit,
  };

  /** Before the first agreement a browser may have no encoding yet; `refresh` comes back to it. */
  function limit(): void {
    limiting = limiting.then(limitAll).catch(() => log("picturesNotLimited", {}, "debug"));
  }

  async function limitAll(): Promise<void> {
    const { cam, screen } = limits;
    const ofHeight = cam === undefined ? Infinity : cameraBitrate(Math.max(cam, 1));
    const ofCamera = maxBitrate === undefined ? undefined : Math.min(maxBitrate, ofHeight);
    await limitSender(places.cam?.sender, tracks.cam, { height: cam, maxBitrate: ofCamera });
    for (const [track, transceiver] of further) {
      if (track.kind === "video") await limitSender(transceiver?.sender, track, { height: screen });
    }
  }
}

async function limitSender(
  sender: RTCRtpSender | undefined,
  track: MediaStreamTrack | null,
  limits: EncodingLimits,
): Promise<void> {
  const parameters = sender?.getParameters();
  const [encoding] = parameters?.encodings ?? [];
  if (!sender || !parameters || !encoding) return;
  if (limitEncoding(encoding, track?.getSettings().height, limits)) await sender.setParameters(parameters);
}

function isStopped({ direction, currentDirection }: RTCRtpTransceiver): boolean {
  return direction === "stopped" || currentDirection === "stopped";
}
