/** A TCP wire between a browser and the server, which a test can cut and mend. */

import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export type Wire = {
  readonly origin: string;
  /** Ends every connection at once, and refuses new ones. */
  readonly cut: () => void;
  readonly mend: () => void;
  /** Carries nothing any more, not even that an end is gone: what a power cut looks like from afar. */
  readonly hush: () => void;
  readonly close: () => Promise<void>;
};

export async function layWire(port: number): Promise<Wire> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let isHushed = false;

  const server = createServer((near) => {
    if (isCut) return void near.destroy();
    const far = connect(port, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    }
    near.on("error", () => isHushed || far.destroy());
    far.on("error", () => isHushed || near.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  const dropAll = (): void => sockets.forEach((socket) => socket.resetAndDestroy());
  return {
    origin: `https://localhost:${(server.address() as AddressInfo).port}`,
    cut: () => {
      isCut = true;
      dropAll();
    },
    mend: () => {
      isCut = false;
    },
    hush: () => {
      isHushed = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    close: () => {
      dropAll();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
