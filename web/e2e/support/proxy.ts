/** A proxy such as companies have (HTTP CONNECT, RFC 9110 §9.3.6), which lets through what begins as TLS does and nothing else. */

import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export type Proxy = {
  readonly origin: string;
  /** How many connections it let through, and how many it ended because they were not TLS. */
  readonly counts: () => { readonly passed: number; readonly refused: number };
  readonly close: () => void;
};

/** The first byte of TLS: a record of the handshake (RFC 8446 §5.1). */
const HANDSHAKE = 22;
/** A request has fewer bytes; what is longer is none. */
const REQUEST_BYTES_MAX = 8_192;

export async function startProxy(): Promise<Proxy> {
  let passed = 0;
  let refused = 0;
  const sockets = new Set<Socket>();

  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  };
  const lead = (near: Socket, host: string, port: number): void => {
    near.write("HTTP/1.1 200 OK\r\n\r\n");
    near.once("data", (first) => {
      if (first[0] !== HANDSHAKE) {
        refused += 1;
        near.destroy();
        return;
      }
      passed += 1;
      const far = connect(port, host);
      keep(far);
      far.on("close", () => near.destroy());
      near.on("close", () => far.destroy());
      far.write(first);
      near.pipe(far).pipe(near);
    });
  };
  const server = createServer((near) => {
    keep(near);
    let request = "";
    const read = (bytes: Buffer): void => {
      request += bytes.toString("latin1");
      if (request.length > REQUEST_BYTES_MAX) return void near.destroy();
      if (!request.endsWith("\r\n\r\n")) return;
      near.off("data", read);
      const [, host = "", port] = /^CONNECT \[?([^\s\]]+)\]?:(\d+) /u.exec(request) ?? [];
      if (port === undefined) return void near.end("HTTP/1.1 405 Method Not Allowed\r\n\r\n");
      lead(near, host, Number(port));
    };
    near.on("data", read);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts: () => ({ passed, refused }),
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
