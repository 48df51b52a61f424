/** The server's own TURN server, as a browser wants to be told of it. */

import type { Relay } from "../protocol/messages";

/** The server does not know by which name it is reached: it is the one of the WebSocket at `url`. */
export function relayServers(relay: Relay | undefined, url: string): readonly RTCIceServer[] {
  if (!relay) return [];
  const { username, credential, udpPort } = relay;
  // The host of an IPv6 address has its brackets here, as it needs them there (RFC 7065 §3.1).
  return [{ urls: [`turn:${new URL(url).hostname}:${udpPort}?transport=udp`], username, credential }];
}
