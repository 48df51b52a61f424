/** The own microphone and camera. */

import type { CameraCodec, ClientErrorCode, DeviceChoice, DeviceOutcome } from "../webrtc/types";
import type { Effect, Update } from "./effect";
import type { Model, OwnDevice, OwnDevices } from "./model";
import type { Background, DeviceKind, Settings } from "./settings";

const OFF: OwnDevice = { state: "off", problem: null };
const OPENING: OwnDevice = { state: "opening" };

/** Nothing is opened before a click asks for it. */
export const OWN_OFF: OwnDevices = { mic: OFF, cam: OFF };

/** Turns a device on when it is off, and off otherwise. */
export function toggle(model: Model, device: "mic" | "cam"): Update {
  const own = ownOf(model);
  if (own === null) return [model, []];
  const isOff = own[device].state === "off";
  const order = isOff ? turnOn(model, device) : turnOff(model, device);
  return [withOwn(model, device, isOff ? OPENING : OFF), [order]];
}

/** Returns the devices as they are once everything in `wanted` is being opened, and the orders to open it. */
export function deviceOrders(
  model: Model,
  wanted: { readonly mic: boolean; readonly cam: boolean },
): [OwnDevices, Effect[]] {
  const kinds = (["mic", "cam"] as const).filter((kind) => wanted[kind]);
  const own = { mic: wanted.mic ? OPENING : OFF, cam: wanted.cam ? OPENING : OFF };
  return [own, kinds.map((kind) => turnOn(model, kind))];
}

/** Turns on what is off of the two, at the person's click. */
export function allowDevices(model: Model): Update {
  const own = ownOf(model);
  if (own === null) return [model, []];
  const kinds = (["mic", "cam"] as const).filter((kind) => own[kind].state === "off");
  const opening = kinds.reduce((changed, kind) => withOwn(changed, kind, OPENING), model);
  return [opening, kinds.map((kind) => turnOn(model, kind))];
}

/** Notes what an order came to. What was changed again in the meantime is left to the later order's outcome. */
export function settle(model: Model, device: "mic" | "cam", outcome: DeviceOutcome): Update {
  const now = ownOf(model)?.[device];
  if (now === undefined) return [model, []];
  if (!outcome.ok) return lose(model, device, outcome.error.code);
  // The first permission is what makes the browser tell the devices' names.
  const list: Effect[] = outcome.on ? [{ type: "listDevices" }] : [];
  return [outcome.on && now.state === "opening" ? withOwn(model, device, { state: "on" }) : model, list];
}

/** Notes that a device is off: unplugged, no longer permitted, or without the background that there should be. */
export function lose(model: Model, device: "mic" | "cam", problem: ClientErrorCode): Update {
  const off = withOwn(model, device, { state: "off", problem });
  // The next try is to be one without it.
  return problem === "backgroundFailed" ? changed(off, { ...model.settings, background: "none" }, []) : [off, []];
}

/** Goes on without taking noise out, which this browser cannot. */
export function loseNoiseFilter(model: Model): Update {
  return changed(model, { ...model.settings, noiseFilter: false }, []);
}

export function dismissProblem(model: Model, device: "mic" | "cam"): Model {
  return ownOf(model)?.[device].state === "off" ? withOwn(model, device, OFF) : model;
}

/** Turns the others' pictures off or on, and the own camera off with them. */
export function toggleAudioOnly(model: Model): Update {
  const settings = { ...model.settings, audioOnly: !model.settings.audioOnly };
  const save: Effect = { type: "save", settings };
  const next: Model = { ...model, settings };
  const state = ownOf(next)?.cam.state ?? "off";
  if (!settings.audioOnly || state === "off") return [next, [save]];
  return [withOwn(next, "cam", OFF), [save, turnOff(next, "cam")]];
}

/** Makes pictures small or large, that of a camera in use at once. */
export function toggleDataSaver(model: Model): Update {
  return changed(model, { ...model.settings, dataSaver: !model.settings.dataSaver }, ["cam"]);
}

/** Encodes the camera's picture in another codec, at once if it is in use. */
export function chooseCodec(model: Model, codec: CameraCodec): Update {
  return changed(model, { ...model.settings, codec }, ["cam"]);
}

/** Takes noise out of the own sound, or no longer; at once if it is in use. */
export function toggleNoiseFilter(model: Model): Update {
  return changed(model, { ...model.settings, noiseFilter: !model.settings.noiseFilter }, ["mic"]);
}

/** Changes what is seen behind oneself, at once if the camera is in use. */
export function chooseBackground(model: Model, background: Background): Update {
  return changed(model, { ...model.settings, background }, ["cam"]);
}

/** Remembers settings, and has those devices that are in use follow them. */
function changed(model: Model, settings: Settings, devices: readonly ("mic" | "cam")[]): Update {
  const next: Model = { ...model, settings };
  const inUse = devices.filter((device) => (ownOf(next)?.[device].state ?? "off") !== "off");
  return [next, [{ type: "save", settings }, ...inUse.map((device) => turnOn(next, device))]];
}

/** Remembers a choice, and changes over at once if the device is in use. */
export function choose(model: Model, kind: DeviceKind, deviceId: string | null): Update {
  const settings = { ...model.settings, chosen: { ...model.settings.chosen, [kind]: deviceId } };
  const chosen: Model = { ...model, settings };
  const save: Effect = { type: "save", settings };
  if (kind === "speaker") return [chosen, [save, { type: "setSpeaker", deviceId }]];
  const isInUse = ownOf(model)?.[kind].state !== "off" && ownOf(model) !== null;
  return [chosen, isInUse ? [save, turnOn(chosen, kind)] : [save]];
}

function turnOn(model: Model, device: "mic" | "cam"): Effect {
  const choice = choiceOf(model, device);
  const { noiseFilter, dataSaver, codec, background } = model.settings;
  if (device === "mic") return { type: "setMic", choice, release: false, ...(noiseFilter && { isFiltered: true }) };
  return {
    type: "setCam",
    choice,
    ...(dataSaver && { isSmall: true }),
    ...(codec !== "vp8" && { codec }),
    ...(background !== "none" && { background }),
  };
}

function turnOff({ page }: Model, device: "mic" | "cam"): Effect {
  // In a call the muted microphone stays open, to be back at once; before the call nothing is kept open.
  const release = page.page !== "room";
  return device === "mic" ? { type: "setMic", choice: false, release } : { type: "setCam", choice: false };
}

/** A device that is not plugged in today is not asked for: the browser's own choice is better than none. */
function choiceOf({ settings, devices }: Model, kind: DeviceKind): DeviceChoice {
  const deviceId = settings.chosen[kind];
  const isThere = devices.some((device) => device.kind === kind && device.deviceId === deviceId);
  return deviceId !== null && isThere ? { deviceId } : true;
}

function ownOf({ page }: Model): OwnDevices | null {
  return "own" in page ? page.own : null;
}

function withOwn(model: Model, device: "mic" | "cam", now: OwnDevice): Model {
  const { page } = model;
  if (!("own" in page)) return model;
  return { ...model, page: { ...page, own: { ...page.own, [device]: now } } };
}
