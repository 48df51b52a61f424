/** What has just happened, said for some seconds. */

import type { Effect, Update } from "./effect";
import type { Message } from "./message";
import type { Announcement, Model } from "./model";

/** For how long an announcement stays. Lower: slow readers miss it; higher: it covers faces. */
const ANNOUNCEMENT_MS = 5000;

export function announce(model: Model, announcement: Announcement | null): Update {
  if (announcement === null) return [model, []];
  const message: Message = { type: "announcementExpired" };
  const expiry: Effect = { type: "wait", timer: "announcement", ms: ANNOUNCEMENT_MS, message };
  return [{ ...model, announcement }, [expiry]];
}
