/** The one `WebRTCClient` there is at a time, and its callbacks as messages. */

import type { Dispatch } from "../app/message";
import { webRTCClient } from "../webrtc/webRTCClient";
import type { Tile } from "../protocol/messages";
import { tileId } from "../app/tiles";
import type {
  Callbacks,
  ClientError,
  DeviceOutcome,
  JoinOptions,
  Negotiation,
  ScreenContent,
  WebRTCClient,
} from "../webrtc/types";
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
  readonly join: (options: JoinOptions) => void;
  /** Runs `order` on the client and reports what it came to. */
  readonly setDevice: (device: "mic" | "cam", order: (client: WebRTCClient) => Promise<DeviceOutcome>) => void;
  readonly setScreen: (isShared: boolean) => void;
  readonly setScreenContent: (content: ScreenContent) => void;
  /** What the page shows, the most important first. */
  readonly setTiles: (tiles: readonly Tile[]) => void;
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
    join: (options) => {
      if (current === null) return;
      whenDone(
        current.join(options),
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
    setScreen: (isShared) => {
      if (current === null) return;
      whenDone(
        current.setScreen(isShared),
        (outcome) => dispatch({ type: "screenSettled", outcome }),
        () => undefined,
      );
    },
    setScreenContent: (content) => current?.setScreenContent(content),
    setTiles: (tiles) => current?.setTiles(tiles),
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
      media.keepOnly([SELF, ...participants.flatMap(({ id }) => [id, tileId(id, "screen")])]);
      dispatch({ type: "participantsChanged", self, participants, room });
    },
    linkState: (peer, state) => dispatch({ type: "linkChanged", peer, state }),
    pathChanged: (peer, path) => dispatch({ type: "pathChanged", peer, path }),
    picturesChanged: (pictures) => dispatch({ type: "picturesChanged", pictures }),
    speakers: (speaking, active) => dispatch({ type: "speakersChanged", speaking, active: active ?? null }),
    streamUpdated: (peer, stream, source) => media.setStream(tileId(peer, source), stream),
    screenStreamUpdated: (stream) => dispatch({ type: "screenChanged", isShared: stream.getTracks().length > 0 }),
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
