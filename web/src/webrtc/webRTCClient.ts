/** Level 3: a call, whole. See types.ts for what it offers. */

import { call, type Call } from "./call";
import { clientError } from "./errors";
import { backgroundFilter, noiseFilter } from "./filters";
import { newInstance, participantKey } from "./identity";
import { localMedia } from "./localMedia";
import { logTo } from "./log";
import { screenShare } from "./screenShare";
import { slotCounts } from "./slotCounts";
import type { PictureLimits, Tile } from "../protocol/messages";
import type { CameraCodec, ClientError, JoinOptions, WebRTCClient, WebRTCClientOptions } from "./types";

export function webRTCClient(options: WebRTCClientOptions = {}): WebRTCClient {
  const { on = {}, negotiation = "perfect" } = options;
  let current: Call | undefined;
  /** Tells the one who waits for `join` that it will not be. */
  let refuseJoin: ((error: ClientError) => void) | undefined;

  const local = localMedia({
    onChange: (device) => current?.changed(device),
    onStream: (stream) => on.localStreamUpdated?.(stream),
    onError: (error) => on.error?.(error),
    log: logTo(on.log),
  });

  const screen = screenShare(() => {
    current?.changed("screen");
    on.screenStreamUpdated?.(screen.stream);
  });
  let tiles: readonly Tile[] | undefined;
  let cameraCodec: CameraCodec = "vp8";
  let pictureLimits: PictureLimits = {};

  function join(wish: JoinOptions) {
    leaveCall();
    return new Promise<string>((resolve, reject: (error: ClientError) => void) => {
      refuseJoin = reject;
      current = call({
        url: options.url ?? signalingUrl(location),
        negotiation,
        ...(options.iceServers && { iceServers: options.iceServers }),
        wish: { participantKey: participantKey(wish.room), ...wish },
        instance: newInstance(),
        slots: slotCounts(),
        local,
        screen,
        codec: () => cameraCodec,
        pictureLimits: () => pictureLimits,
        on,
        onEntered(self) {
          refuseJoin = undefined;
          resolve(self);
        },
        onEnded: ended,
      });
      if (tiles) current.remotes.setTiles(tiles);
    });
  }

  function ended(error: ClientError): void {
    current = undefined;
    // Whoever was not let in may try elsewhere, with the devices as they are; whoever was put out may not be filmed on.
    if (!refuseJoin) return stopDevices();
    refuseJoin(error);
    refuseJoin = undefined;
  }

  function stopDevices(): void {
    local.stop();
    void screen.set(false);
  }

  function leaveCall(): void {
    current?.leave();
    current = undefined;
    refuseJoin?.(clientError("signalingUnreachable", "Left before the room was entered.", { fatal: true }));
    refuseJoin = undefined;
  }

  return {
    join,
    leave() {
      leaveCall();
      stopDevices();
    },
    setMic(choice, { release = false, isFiltered = false } = {}) {
      local.setFilter("mic", isFiltered ? noiseFilter : null);
      return local.set("mic", choice, !release);
    },
    setCam(choice, { isSmall = false, codec = "vp8", background = "none" } = {}) {
      cameraCodec = codec;
      current?.recode();
      local.setSmall(isSmall);
      local.setFilter("cam", backgroundFilter(background));
      return local.set("cam", choice, false);
    },
    setScreen: screen.set,
    setScreenContent: screen.setContent,
    setDisplayName: (name) => current?.setDisplayName(name),
    say: (message) => current?.say(message),
    setTiles(shown) {
      tiles = shown;
      current?.remotes.setTiles(shown);
    },
    limitPictures(limits) {
      pictureLimits = limits;
      current?.sayPictureLimits();
    },
    localStream: () => local.stream,
    screenStream: () => screen.stream,
    remoteStream: (peer, source = "cam") => current?.remotes.stream(peer, source),
    stats: async () => (await current?.remotes.stats()) ?? [],
    fileChannel: () => current?.fileChannel(),
    wake: () => current?.wake(),
  };
}

/** Where the server that this page came from takes WebSockets. */
export const signalingUrl = ({ protocol, host }: Pick<Location, "protocol" | "host">): string =>
  `${protocol === "https:" ? "wss" : "ws"}://${host}/ws`;
