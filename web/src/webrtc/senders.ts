/**
 * What goes out over one link: a place for the microphone, one for the camera, and further tracks.
 *
 * The impolite end makes both places before its first offer, whether or not there is anything to put into them; the polite end
 * takes the places that the offer has. Both are `sendrecv` from then on. So turning a device on or off, or taking another
 * one, is a `replaceTrack` and never a negotiation.
 */

import { preferRedundancy } from "./codecs";
import type { Log } from "./log";

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
    },

    add(track) {
      if (!mayOffer) return undefined;
      further.set(track, undefined);
      if (places.mic && places.cam) send(track);
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

    receiver: (place) => places[place]?.receiver,
    refresh: limit,
  };

  function limit(): void {
    const sender = places.cam?.sender;
    if (!sender || maxBitrate === undefined) return;
    const parameters = sender.getParameters();
    // Before the first agreement a browser may have no encoding yet; `refresh` comes back to it.
    const [encoding] = parameters.encodings ?? [];
    if (!encoding || encoding.maxBitrate === maxBitrate) return;
    encoding.maxBitrate = maxBitrate;
    sender.setParameters(parameters).catch(() => log("bitrateNotLimited", {}, "debug"));
  }
}

function isStopped({ direction, currentDirection }: RTCRtpTransceiver): boolean {
  return direction === "stopped" || currentDirection === "stopped";
}
