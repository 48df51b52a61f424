/** The server's own TURN server, which leads to its media and nowhere else. Loaded by whom nothing else lets in. */

import type { Relay } from "../protocol/messages";

/**
 * Returns the ways through it that are left where neither UDP nor plain TCP gets through: TLS first, which all that let the page through
 * let through, too.
 *
 * Only the client knows by which host it reached the server: the one of `url`. Its port leads there as well, also where a router
 * gives the server another port than it knows of.
 */
export function relayServers(url: string, { username, credential, tcpPort, tlsPort }: Relay): RTCIceServer[] {
  const { protocol, hostname, port } = new URL(url);
  const own = protocol === "wss:" ? Number(port || 443) : tlsPort;
  const tls = tlsPort === undefined ? [] : [...new Set([own, tlsPort])].map((it) => `turns:${hostname}:${it}`);
  const tcp = tcpPort === undefined ? [] : [`turn:${hostname}:${tcpPort}`];
  const urls = [...tls, ...tcp].map((it) => `${it}?transport=tcp`);
  return urls.length > 0 ? [{ urls, username, credential }] : [];
}
