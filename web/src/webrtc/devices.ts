/** The browser's microphones, cameras and speakers, with errors that have codes. */

import { clientError } from "./errors";
import type { ClientError, ClientErrorCode } from "./types";

export type DeviceKind = "mic" | "cam";

export type Capture =
  { readonly ok: true; readonly track: MediaStreamTrack } | { readonly ok: false; readonly error: ClientError };

export type DeviceList = {
  readonly mics: readonly MediaDeviceInfo[];
  readonly cams: readonly MediaDeviceInfo[];
  readonly speakers: readonly MediaDeviceInfo[];
};

/** Opens one device: the browser's choice, or this very one. Never throws. */
export async function capture(device: DeviceKind, deviceId?: string): Promise<Capture> {
  const unavailable = whyUnavailable();
  if (unavailable) return { ok: false, error: deviceError(unavailable, device) };
  try {
    const stream = await navigator.mediaDevices.getUserMedia(constraints(device, deviceId));
    const [track] = stream.getTracks();
    if (!track) return { ok: false, error: deviceError("deviceNotFound", device) };
    // Tells the encoder what the sound is. Not in Firefox (153, November 2026), hence the test.
    if (device === "mic" && "contentHint" in track) track.contentHint = "speech";
    return { ok: true, track };
  } catch (error) {
    return { ok: false, error: deviceError(codeOf(error), device) };
  }
}

/** Lists what is there. Names and ids are empty until a permission was given. */
export async function listDevices(): Promise<DeviceList> {
  const all = whyUnavailable() ? [] : await navigator.mediaDevices.enumerateDevices();
  const ofKind = (kind: MediaDeviceKind): MediaDeviceInfo[] => all.filter((it) => it.kind === kind);
  return { mics: ofKind("audioinput"), cams: ofKind("videoinput"), speakers: ofKind("audiooutput") };
}

/** Calls when a device was plugged in or out. Returns how to stop. */
export function watchDevices(changed: () => void): () => void {
  if (whyUnavailable()) return () => {};
  const watching = new AbortController();
  navigator.mediaDevices.addEventListener("devicechange", changed, { signal: watching.signal });
  return () => watching.abort();
}

/** Whether this browser lets a page choose the speaker. */
export const canChooseSpeaker = (): boolean =>
  typeof HTMLMediaElement !== "undefined" && "setSinkId" in HTMLMediaElement.prototype;

/** Plays these elements on a speaker; the empty id is the browser's choice. Returns what went wrong, if anything. */
export async function setSpeaker(
  elements: Iterable<HTMLMediaElement>,
  deviceId: string,
): Promise<ClientError | undefined> {
  if (!canChooseSpeaker()) return deviceError("deviceUnsupported", "speaker");
  try {
    await Promise.all([...elements].map((element) => element.setSinkId(deviceId)));
    return undefined;
  } catch (error) {
    return deviceError(codeOf(error), "speaker");
  }
}

function constraints(device: DeviceKind, deviceId: string | undefined): MediaStreamConstraints {
  const chosen = deviceId ? { deviceId: { exact: deviceId } } : {};
  return device === "mic"
    ? { audio: { ...chosen, echoCancellation: true, noiseSuppression: true, autoGainControl: true } }
    : { video: { ...chosen, ...pictureSize(false) } };
}

/** What is asked of a camera. Smaller saves more, and shows less of a face in a large tile. */
export const pictureSize = (isSmall: boolean): MediaTrackConstraints =>
  isSmall
    ? { width: { ideal: 480 }, height: { ideal: 270 }, frameRate: { ideal: 15, max: 30 } }
    : { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };

function whyUnavailable(): ClientErrorCode | undefined {
  if (typeof navigator !== "undefined" && navigator.mediaDevices) return undefined;
  return globalThis.isSecureContext === false ? "insecureContext" : "deviceUnsupported";
}

/** The names of W3C Media Capture §10.2, and of what browsers throw besides. */
export function codeOf(error: unknown): ClientErrorCode {
  switch (error instanceof Error ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "deviceDenied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "deviceNotFound";
    case "NotReadableError":
    case "AbortError":
      return "deviceBusy";
    default:
      return "deviceUnsupported";
  }
}

const NAMES = { mic: "microphone", cam: "camera", speaker: "speaker", screen: "screen" } as const;

const SENTENCES: Partial<Record<ClientErrorCode, string>> = {
  deviceDenied: "may not be used: the browser or the person refused it.",
  deviceNotFound: "was not found.",
  deviceBusy: "cannot be opened: perhaps another program uses it.",
  deviceLost: "is gone.",
  insecureContext: "can be used by pages that came over HTTPS only.",
  noiseFailed: "is used without taking noise out, which this browser cannot do.",
  backgroundFailed: "is off: this browser cannot change the background.",
};

/** Makes the error that a device has. */
export const deviceError = (code: ClientErrorCode, device: keyof typeof NAMES): ClientError =>
  clientError(code, `The ${NAMES[device]} ${SENTENCES[code] ?? "cannot be used in this browser."}`, { device });
