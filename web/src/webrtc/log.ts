import type { LogEntry } from "./types";

/** Writes one entry. `event` is a past fact; `details` hold no address, SDP, key or name. */
export type Log = (event: string, details?: LogEntry["details"], level?: LogEntry["level"]) => void;

/** Makes a `Log` out of an owner's callback. */
export const logTo =
  (write: ((entry: LogEntry) => void) | undefined): Log =>
  (event, details, level = "info") =>
    write?.({ at: Math.round(performance.now()), level, event, ...(details && { details }) });
