/** By which way the media of one peer come: the link to them, or the session with the server. Decided by what arrives. */

import type { Topology } from "../protocol/messages";

export type Way = "link" | "session";

/** What is known of both ways to one peer at a moment. */
export type Evidence = {
  readonly topology: Topology;
  /** Whether there is a session, or is going to be. */
  readonly hasSession: boolean;
  /**
   * `delivers`: all that the peer says it sends arrives. `awaited`: not yet, or not at this moment. `overdue`: not for so long
   * that the other way is worth its price.
   */
  readonly link: "none" | "awaited" | "overdue" | "delivers";
  readonly sessionDelivers: boolean;
  /** It has done so for long enough to do without the link. */
  readonly sessionIsProven: boolean;
  /** What is shown now. */
  readonly shown: Way;
};

export type Route = {
  readonly shown: Way;
  /** Whether to ask the server for this peer's media. */
  readonly subscribes: boolean;
  /** Whether the link is of no use any more. */
  readonly dropsLink: boolean;
};

const LINK_ALONE: Route = { shown: "link", subscribes: false, dropsLink: false };

/** Decides. Nothing that is shown is given up before its replacement delivers. */
export function route(evidence: Evidence): Route {
  if (!evidence.hasSession) return LINK_ALONE;
  return evidence.topology === "sfu" ? throughServer(evidence) : direct(evidence);
}

function throughServer({ link, sessionDelivers, sessionIsProven, shown }: Evidence): Route {
  const dropsLink = sessionDelivers && sessionIsProven && link !== "none";
  if (sessionDelivers || link === "none") return { shown: "session", subscribes: true, dropsLink };
  // A session that stumbles at first is helped out by the link, as long as there is one.
  return { shown: link === "delivers" ? "link" : shown, subscribes: true, dropsLink: false };
}

function direct({ link, sessionDelivers, shown }: Evidence): Route {
  if (link === "delivers") return LINK_ALONE;
  const subscribes = link === "overdue" || shown === "session";
  return { shown: subscribes && sessionDelivers ? "session" : shown, subscribes, dropsLink: false };
}
