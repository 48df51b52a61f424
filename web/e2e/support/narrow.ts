/** A narrow way for the media between one page and the server: datagrams queue for it, and what has to wait too long is lost. */

import { createSocket, type Socket } from "node:dgram";
import type { AddressInfo } from "node:net";
import type { Page } from "@playwright/test";

export type NarrowWay = {
  /** To be called before the page is opened: lets its sessions with the server take this way. */
  readonly lead: (page: Page) => Promise<void>;
  /** How many bits a second get through to the page; `null` for all. */
  readonly setRate: (bitsPerSecond: number | null) => void;
  readonly close: () => Promise<void>;
};

/** What a router keeps waiting. */
const QUEUE_MS_MAX = 200;

/** Lays a way to the server whose media come by this port. By TCP there is another one, or none. */
export async function layNarrowWay(serverPort: number, tcp: "open" | "blocked" = "blocked"): Promise<NarrowWay> {
  let rate: number | null = null;
  let freeAt = 0;
  let isOpen = true;
  const near = await bound();
  /** What leads from here to the server, for each address of the page. */
  const far = new Map<string, Promise<Socket>>();

  /** What is still under way when the way is closed is lost. */
  const send = (datagram: Buffer, port: number, address: string, socket = near): void => {
    if (isOpen) socket.send(datagram, port, address);
  };
  const toPage = (datagram: Buffer, port: number, address: string): void => {
    if (rate === null) return send(datagram, port, address);
    const now = performance.now();
    const start = Math.max(now, freeAt);
    if (start - now > QUEUE_MS_MAX) return;
    freeAt = start + (datagram.length * 8_000) / rate;
    setTimeout(() => send(datagram, port, address), freeAt - now);
  };
  const leadOn = async (port: number, address: string): Promise<Socket> => {
    const socket = await bound();
    socket.on("message", (datagram) => toPage(datagram, port, address));
    return socket;
  };
  near.on("message", (datagram, { address, port }) => {
    const key = `${address}:${port}`;
    const socket = far.get(key) ?? leadOn(port, address);
    far.set(key, socket);
    void socket.then((it) => send(datagram, serverPort, address, it));
  });

  return {
    lead: async (page) => {
      const protocol = tcp === "open" ? "udp" : "\\S+";
      await page.addInitScript(takeWay, { from: serverPort, to: (near.address() as AddressInfo).port, protocol });
    },
    setRate: (bitsPerSecond) => {
      rate = bitsPerSecond;
    },
    close: async () => {
      isOpen = false;
      near.close();
      for (const socket of far.values()) (await socket).close();
    },
  };
}

/** In the page: where the server's answers name its port, they name that of the way. */
function takeWay({ from, to, protocol }: { from: number; to: number; protocol: string }): void {
  type Set = (this: RTCPeerConnection, description: RTCSessionDescriptionInit) => Promise<void>;
  const set = RTCPeerConnection.prototype.setRemoteDescription as Set;
  const candidate = new RegExp(`^(a=candidate:(?:\\S+ ){2}${protocol} (?:\\S+ ){2})${from} `, "gm");
  RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp = "" }: RTCSessionDescriptionInit) {
    return set.call(this, { type, sdp: sdp.replaceAll(candidate, `$1${to} `) });
  };
}

function bound(): Promise<Socket> {
  const socket = createSocket("udp4");
  return new Promise((resolve) => socket.bind(0, () => resolve(socket)));
}
