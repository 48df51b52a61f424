/** What the diagnostics panel keeps, and its report as text. */

import type { LogEntry, PeerStats } from "../webrtc/types";
import type { Diagnostics, LoggedError, Model } from "./model";

/** An hour of an eventful call. The oldest go first. */
const MAX_LOG = 500;
const MAX_ERRORS = 100;

export function withLog(diagnostics: Diagnostics, entry: LogEntry): Diagnostics {
  return { ...diagnostics, log: [...diagnostics.log, entry].slice(-MAX_LOG) };
}

export function withError(diagnostics: Diagnostics, error: LoggedError): Diagnostics {
  return { ...diagnostics, errors: [...diagnostics.errors, error].slice(-MAX_ERRORS) };
}

/** Returns everything as plain text in English, fit to be sent to whoever runs the server. */
export function report({ diagnostics, page }: Model): string {
  const people = page.page === "room" ? page.people.length : 0;
  return [
    `Allo diagnostics; page: ${page.page}; participants: ${people}`,
    "",
    "Links",
    ...diagnostics.stats.map(statsLine),
    "",
    "Errors",
    ...diagnostics.errors.map(({ at, code, text }) => `${seconds(at)} ${code}: ${text}`),
    "",
    "Events",
    ...diagnostics.log.map(logLine),
    "",
  ].join("\n");
}

export function logLine({ at, level, event, details }: LogEntry): string {
  const pairs = Object.entries(details ?? {}).map(([name, value]) => ` ${name}=${value}`);
  return `${seconds(at)} ${level} ${event}${pairs.join("")}`;
}

export function seconds(ms: number): string {
  return (ms / 1000).toFixed(3).padStart(9);
}

function statsLine(stats: PeerStats): string {
  const { peer, ...numbers } = stats;
  return `${peer}: ${Object.entries(numbers)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ")}`;
}
