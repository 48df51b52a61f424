/** The one `WebRTCClient` there is at a time, and its callbacks as messages. */

import type { Dispatch } from "../app/message";
import type { ChatLine } from "../app/model";
import { webRTCClient } from "../webrtc/webRTCClient";
import type { ChatMessage, PictureLimits, Tile } from "../protocol/messages";
import { tileId } from "../app/tiles";
import type {
  Callbacks,
  ClientError,
  DeviceOutcome,
  JoinOptions,
  MeetingMessage,
  Negotiation,
  ScreenContent,
  WebRTCClient,
} from "../webrtc/types";
import { SELF } from "../view/streams";
import type { AccessTokens } from "./accessTokens";
import type { Media } from "./media";
import type { Ownership } from "./ownership";

export type SessionOptions = {
  readonly dispatch: Dispatch;
  readonly media: Media;
  readonly negotiation: Negotiation;
  readonly ownership: Ownership;
  readonly accessTokens: AccessTokens;
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
  /** How high pictures are to be at most, in this call and the next ones. */
  readonly limitPictures: (limits: PictureLimits) => void;
  readonly say: (message: MeetingMessage) => void;
  readonly fileChannel: () => RTCDataChannel | undefined;
  readonly collectStats: () => void;
};

export function session({ dispatch, media, negotiation, ownership, accessTokens }: SessionOptions): Session {
  let current: WebRTCClient | null = null;
  let pictureLimits: PictureLimits = {};

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
      const client = webRTCClient({
        negotiation,
        on: callbacks(ifCurrent, media, ownership, () => client.localStream()),
      });
      current = client;
      client.limitPictures(pictureLimits);
      media.setStream(SELF, client.localStream());
    },
    join: (options) => {
      if (current === null) return;
      const token = accessTokens.of(options.room);
      // A token says what one is there: to show a secret as well would be of no use.
      const shown = token === undefined ? { ownerSecret: ownership.begin(options.room) } : { token };
      whenDone(
        current.join({ ...options, ...shown }),
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
    say: (message) => current?.say(message),
    fileChannel: () => current?.fileChannel(),
    setTiles: (tiles) => current?.setTiles(tiles),
    limitPictures: (limits) => {
      pictureLimits = limits;
      current?.limitPictures(limits);
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

function callbacks(dispatch: Dispatch, media: Media, ownership: Ownership, localStream: () => MediaStream): Callbacks {
  let isFirst = true;
  return {
    signaling: (state) => dispatch({ type: "signalingChanged", state }),
    participants: (self, participants, room, rules) => {
      media.keepOnly([SELF, ...participants.flatMap(({ id }) => [id, tileId(id, "screen")])]);
      const isOwner = participants.some(({ id, role }) => id === self && role === "owner");
      if (isFirst) ownership.entered(isOwner, participants.length === 1);
      isFirst = false;
      dispatch({ type: "participantsChanged", self, participants, room, rules: rules ?? null });
    },
    waiting: () => dispatch({ type: "waitingBegan" }),
    knocking: (people) => dispatch({ type: "knockingChanged", people }),
    turnedOff: (device, by) => dispatch({ type: "deviceTurnedOff", device, by }),
    askedToTurnOn: (device, by) => dispatch({ type: "askedToTurnOn", device, by }),
    chat: (messages, isHistory) => dispatch({ type: "chatCame", lines: messages.map(lineOf), isHistory }),
    file: (told) => dispatch({ type: "fileTold", told, at: Date.now() }),
    fileBytes: (bytes) => dispatch({ type: "fileLimitTold", bytes }),
    reacted: (person, reaction) => dispatch({ type: "reacted", person, reaction }),
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

function lineOf({ id, from, displayName: name, to, text, ageS }: ChatMessage): ChatLine {
  return { id, from, name, to: to ?? null, text, at: Date.now() - ageS * 1000 };
}

function isStillThere(stream: MediaStream, device: ClientError["device"]): boolean {
  const tracks = device === "mic" ? stream.getAudioTracks() : stream.getVideoTracks();
  return tracks.some((track) => track.readyState === "live");
}
