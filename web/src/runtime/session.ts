/** The one `WebRTCClient` there is at a time, and its callbacks as messages. */

import type { Dispatch } from "../app/message";
import { webRTCClient } from "../webrtc/webRTCClient";
import type { Callbacks, ClientError, DeviceOutcome, Negotiation, WebRTCClient } from "../webrtc/types";
import { SELF } from "../view/streams";
import type { Media } from "./media";

export type SessionOptions = {
  readonly dispatch: Dispatch;
  readonly media: Media;
  readonly negotiation: Negotiation;
};

export type Session = {
  readonly open: () => void;
  readonly close: () => void;
  readonly join: (room: string, displayName: string) => void;
  /** Runs `order` on the client and reports what it came to. */
  readonly setDevice: (device: "mic" | "cam", order: (client: WebRTCClient) => Promise<DeviceOutcome>) => void;
  readonly collectStats: () => void;
};

export function session({ dispatch, media, negotiation }: SessionOptions): Session {
  let current: WebRTCClient | null = null;

  /** Hands over what a promise brings, unless the client it is about has been closed since. */
  const whenDone = <T>(promise: Promise<T>, done: (value: T) => void, failed: (error: unknown) => void): void => {
    const client = current;
    promise.then(
      (value) => client === current && done(value),
      (error: unknown) => client === current && failed(error),
    );
  };

  const close = (): void => {
    const client = current;
    current = null;
    client?.leave();
    media.keepOnly([]);
  };

  return {
    close,
    open: () => {
      close();
      const ifCurrent: Dispatch = (message) => {
        if (client === current) dispatch(message);
      };
      const client = webRTCClient({ negotiation, on: callbacks(ifCurrent, media, () => client.localStream()) });
      current = client;
      media.setStream(SELF, client.localStream());
    },
    join: (room, displayName) => {
      if (current === null) return;
      whenDone(
        current.join({ room, displayName }),
        () => undefined,
        (error) => dispatch({ type: "joinRefused", code: (error as ClientError).code }),
      );
    },
    setDevice: (device, order) => {
      if (current === null) return;
      whenDone(
        order(current),
        (outcome) => dispatch({ type: "deviceSettled", device, outcome }),
        () => undefined,
      );
    },
    collectStats: () => {
      if (current === null) return;
      whenDone(
        current.stats(),
        (stats) => dispatch({ type: "statsCollected", stats }),
        () => undefined,
      );
    },
  };
}

function callbacks(dispatch: Dispatch, media: Media, localStream: () => MediaStream): Callbacks {
  return {
    signaling: (state) => dispatch({ type: "signalingChanged", state }),
    participants: (self, participants, room) => {
      media.keepOnly([SELF, ...participants.map(({ id }) => id)]);
      dispatch({ type: "participantsChanged", self, participants, room });
    },
    linkState: (peer, state) => dispatch({ type: "linkChanged", peer, state }),
    streamUpdated: (peer, stream) => media.setStream(peer, stream),
    localStreamUpdated: (stream) => media.setStream(SELF, stream),
    error: (error) =>
      dispatch({
        type: "clientFailed",
        error,
        at: performance.now(),
        isReplaced: error.code === "deviceLost" && isStillThere(localStream(), error.device),
      }),
    log: (entry) => dispatch({ type: "clientLogged", entry }),
  };
}

function isStillThere(stream: MediaStream, device: ClientError["device"]): boolean {
  const tracks = device === "mic" ? stream.getAudioTracks() : stream.getVideoTracks();
  return tracks.some((track) => track.readyState === "live");
}
