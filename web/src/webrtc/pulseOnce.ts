/** Fetches the watch over a connection when it is first needed, which is not before the connection stands. */

import type { PulseEvents } from "./pulse";

/** Returns what begins to watch, once. Whoever cannot fetch it waits for the browser to notice. */
export function pulseOnce(connection: RTCPeerConnection, events: PulseEvents): () => void {
  let watching: Promise<void> | undefined;
  return () => {
    watching ??= import("./pulse").then(
      ({ watchPulse }) => watchPulse(connection, events),
      () => {},
    );
  };
}
