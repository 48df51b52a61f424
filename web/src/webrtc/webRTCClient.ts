/** Level 3: a call, whole. See types.ts for what it offers. */

import { call, type Call } from "./call";
import { clientError } from "./errors";
import { newInstance, participantKey } from "./identity";
import { localMedia } from "./localMedia";
import { logTo } from "./log";
import type { ClientError, JoinOptions, WebRTCClient, WebRTCClientOptions } from "./types";

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

  function join({ room, displayName, participantKey: key = participantKey(room) }: JoinOptions) {
    leaveCall();
    return new Promise<string>((resolve, reject: (error: ClientError) => void) => {
      refuseJoin = reject;
      current = call({
        url: options.url ?? signalingUrl(location),
        negotiation,
        ...(options.iceServers && { iceServers: options.iceServers }),
        room,
        displayName,
        participantKey: key,
        instance: newInstance(),
        local,
        on,
        onEntered(self) {
          refuseJoin = undefined;
          resolve(self);
        },
        onEnded: ended,
      });
    });
  }

  function ended(error: ClientError): void {
    current = undefined;
    // Whoever was not let in may try elsewhere, with the devices as they are; whoever was put out may not be filmed on.
    if (!refuseJoin) return local.stop();
    refuseJoin(error);
    refuseJoin = undefined;
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
      local.stop();
    },
    setMic: (choice, { release = false } = {}) => local.set("mic", choice, !release),
    setCam: (choice) => local.set("cam", choice, false),
    setDisplayName: (name) => current?.setDisplayName(name),
    localStream: () => local.stream,
    remoteStream: (peer) => current?.links.stream(peer),
    stats: async () => (await current?.links.stats()) ?? [],
    wake: () => current?.wake(),
  };
}

/** Where the server that this page came from takes WebSockets. */
export const signalingUrl = ({ protocol, host }: Pick<Location, "protocol" | "host">): string =>
  `${protocol === "https:" ? "wss" : "ws"}://${host}/ws`;
