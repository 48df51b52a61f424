/**
 * Recording in this browser.
 *
 * ```text
 * off ─► preparing ─► announced ─► running ─► off
 *         where to?    all know,    the file
 *                      may leave    grows
 * ```
 */

import { announce } from "./announcement";
import type { Effect, Update } from "./effect";
import type { Model, OwnRecording, RoomPage } from "./model";
import { isModerator, personOfId } from "./rights";

/** How long everyone knows before it begins. Lower: who does not want to be in it has no time to leave. Higher: the start is missed. */
const CONSENT_MS = 6000;

/** What a recording came to. */
export type RecordingOutcome = "saved" | "tooLong" | "failed";

export function mayRecord(page: RoomPage): boolean {
  return page.rules !== null && (page.rules.recorders === "everyone" || isModerator(page));
}

/** Returns who else records. */
export const otherRecorders = ({ people, self }: RoomPage) =>
  people.filter(({ id, recording }) => recording === true && id !== self);

/** Asks where the recording is to go, or ends it. */
export function toggleRecording(model: Model): Update {
  const { page } = model;
  if (page.page !== "room" || page.recording === "preparing") return [model, []];
  if (page.recording !== "off") return stop(model);
  if (!mayRecord(page) || !model.surroundings.canRecord) return [model, []];
  return [withState(model, "preparing"), [{ type: "prepareRecording", name: page.room }]];
}

/** Tells everyone, once there is a place for it. Who closed the browser's list of places has changed their mind. */
export function announceRecording(model: Model, isReady: boolean): Update {
  if (stateOf(model) !== "preparing") return [model, isReady ? [{ type: "endRecording" }] : []];
  if (!isReady) return [withState(model, "off"), []];
  const wait: Effect = { type: "wait", timer: "recording", ms: CONSENT_MS, message: { type: "recordingDue" } };
  return [withState(model, "announced"), [say(true), wait]];
}

/** Begins, if everyone has been told: the server's own list says so. */
export function beginRecording(model: Model): Update {
  const { page } = model;
  if (page.page !== "room" || page.recording !== "announced") return [model, []];
  if (isTold(page)) return [withState(model, "running"), [{ type: "beginRecording" }]];
  const [off, orders] = stop(model);
  const [told, effects] = announce(off, { kind: "notSent" });
  return [told, [...orders, ...effects]];
}

/** It is over: as wished, or because it could not go on. */
export function noteRecording(model: Model, outcome: RecordingOutcome): Update {
  const wasRunning = stateOf(model) === "running";
  const [off, orders] = wasRunning ? stop(model) : [model, []];
  const [told, effects] = announce(off, { kind: "recording", outcome });
  return [told, [...orders, ...effects]];
}

/** Keeps what everyone is told in step with what is done: a server that has forgotten is told again, and a right that is gone ends it. */
export function followRecording(model: Model, before: RoomPage | null): Update {
  const { page } = model;
  if (page.page !== "room") return [model, []];
  const known = before === null ? [] : otherRecorders(before).map(({ id }) => id);
  // Whatever sounds are wished for: nobody is recorded without hearing of it.
  const isNew = otherRecorders(page).some(({ id }) => !known.includes(id));
  const sound: Effect[] = isNew ? [{ type: "playSound", sound: "recording" }] : [];
  if (page.recording !== "announced" && page.recording !== "running") return [model, sound];
  if (!mayRecord(page)) {
    const [off, orders] = stop(model);
    return [off, [...sound, ...orders]];
  }
  return [model, [...sound, ...(isTold(page) ? [] : [say(true)])]];
}

/** Returns what ends a recording with the call. */
export function endWithCall(page: Model["page"]): readonly Effect[] {
  return page.page === "room" && page.recording !== "off" ? [{ type: "endRecording" }] : [];
}

function stop(model: Model): Update {
  return [withState(model, "off"), [{ type: "endRecording" }, say(false)]];
}

const say = (recording: boolean): Effect => ({ type: "say", message: { type: "setRecording", recording } });

const isTold = (page: RoomPage): boolean => personOfId(page, page.self)?.recording === true;

const stateOf = ({ page }: Model): OwnRecording => (page.page === "room" ? page.recording : "off");

function withState(model: Model, recording: OwnRecording): Model {
  return model.page.page === "room" ? { ...model, page: { ...model.page, recording } } : model;
}
