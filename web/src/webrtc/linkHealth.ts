/** Watches one link, and says when to mend it and when to ask for another. */

import type { Remedy } from "./hearing";
import type { Log } from "./log";
import type { LinkState } from "./types";

export type LinkHealth = {
  /** The browser's view of the connection changed. */
  readonly changed: (connection: RTCPeerConnectionState, ice: RTCIceConnectionState) => void;
  /** The network may be back: no need to wait for the next step. */
  readonly wake: () => void;
  /** The link stands, and yet nothing comes of what the peer sends. */
  readonly deaf: (remedy: Remedy) => void;
  /** No mending helps any more. */
  readonly broken: (why: string) => void;
  /** Whether the link ever stood: before that there is nothing to restart. */
  readonly wasConnected: () => boolean;
  readonly close: () => void;
};

export type LinkHealthOptions = {
  readonly onState: (state: LinkState) => void;
  readonly restartIce: () => void;
  /** Asks for a fresh link. It may be declined, for instance while there is no signaling. */
  readonly renew: () => void;
  readonly log: Log;
};

type Step = { readonly afterMs: number; readonly do: Remedy };

/**
 * For a link that stood. A hiccup of the network is over in two seconds; lower would restart ICE for each. Fifteen are
 * what a browser takes to give up a restart itself; lower would throw away links that were about to mend.
 */
const MENDING: readonly Step[] = [
  { afterMs: 2_000, do: "restartIce" },
  { afterMs: 8_000, do: "restartIce" },
  { afterMs: 15_000, do: "renew" },
];
/**
 * For a link that never stood: a fresh one is as good as an ICE restart, which would have nothing to go back to if it failed.
 */
const STARTING: readonly Step[] = [{ afterMs: 15_000, do: "renew" }];
/** Restarting faster than ICE can check a pair of candidates would mend nothing. */
const RESTART_PAUSE_MS = 1_500;
/** A link that breaks at once is not renewed faster than this, so that two broken ends do not spin. */
const RENEW_PAUSE_MS = 2_000;

type Timer = ReturnType<typeof setTimeout>;

export function linkHealth({ onState, restartIce, renew, log }: LinkHealthOptions): LinkHealth {
  let state: LinkState = "new";
  let everConnected = false;
  let isOver = false;
  let restartedAt = -Infinity;
  let ladder: Timer[] = climb(STARTING);

  function climb(steps: readonly Step[]): Timer[] {
    const timers = steps.map((step) => setTimeout(() => take(step.do), step.afterMs));
    // The last step may be declined; then all of it begins again.
    const last = steps.at(-1)?.afterMs ?? 0;
    return [...timers, setTimeout(() => (ladder = climb(steps)), last)];
  }

  function take(remedy: Remedy): void {
    if (remedy === "restartIce") return restart();
    log("linkGivenUp");
    renew();
  }

  function restart(): void {
    const now = performance.now();
    if (now - restartedAt < RESTART_PAUSE_MS) return;
    restartedAt = now;
    log("iceRestarted");
    restartIce();
  }

  function enter(next: LinkState): void {
    if (next === state) return;
    state = next;
    onState(next);
  }

  function changed(connection: RTCPeerConnectionState, ice: RTCIceConnectionState): void {
    if (isOver || connection === "closed") return;
    const next = linkState(connection, everConnected);
    if (next === "connected") {
      everConnected = true;
      dropLadder();
    } else if (everConnected && ladder.length === 0) {
      ladder = climb(MENDING);
    }
    enter(next);
    if (next !== "failed") return;
    if (ice === "connected" || ice === "completed") broken("DTLS failed");
    else if (everConnected) restart();
    else broken("ICE failed");
  }

  function dropLadder(): void {
    ladder.forEach(clearTimeout);
    ladder = [];
  }

  function broken(why: string): void {
    if (isOver) return;
    log("linkBroken", { why }, "warn");
    dropLadder();
    ladder = climb([{ afterMs: RENEW_PAUSE_MS, do: "renew" }]);
    enter("failed");
  }

  return {
    changed,
    broken,
    deaf(remedy) {
      if (isOver) return;
      log("linkDeaf", { remedy }, "warn");
      take(remedy);
    },
    wasConnected: () => everConnected,
    wake: () => everConnected && state !== "connected" && !isOver && restart(),
    close() {
      isOver = true;
      dropLadder();
    },
  };
}

/** Returns what a person should know of the browser's connection state. */
export function linkState(connection: RTCPeerConnectionState, everConnected: boolean): LinkState {
  switch (connection) {
    case "connected":
    case "failed":
      return connection;
    case "disconnected":
      return "interrupted";
    case "new":
    case "connecting":
    case "closed":
      return everConnected ? "interrupted" : connection === "new" ? "new" : "connecting";
  }
}
