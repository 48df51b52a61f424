/** Participants without media, as many as one likes: sockets in a page, speaking the protocol. */

import type { Page } from "@playwright/test";

/** Joins `room` under each of `names`. They are gone when the page is closed. */
export function joinCrowd(page: Page, room: string, names: readonly string[]): Promise<void> {
  return page.evaluate(
    async ({ room, names }) => {
      const hexadecimal = (): string => crypto.randomUUID().replaceAll("-", "");
      const joinAs = (displayName: string): Promise<void> =>
        new Promise((resolve) => {
          const socket = new WebSocket(`wss://${location.host}/ws`);
          const say = (message: object): void => socket.send(JSON.stringify(message));
          socket.onopen = () => say({ type: "hello", protocolVersion: 1, client: "crowd" });
          socket.onmessage = ({ data }) => {
            const { type } = JSON.parse(String(data)) as { type: string };
            if (type === "welcome") {
              const [participantKey, instance] = [hexadecimal(), hexadecimal()];
              say({ type: "join", room, displayName, participantKey, instance, mic: true, cam: true });
            }
            if (type === "ping") say({ type: "pong" });
            if (type === "snapshot") resolve();
          };
        });
      await Promise.all(names.map(joinAs));
    },
    { room, names },
  );
}
