/** The own microphone and camera: open, muted, off, or lost. Each is asked for by itself, so neither takes the other along. */

import { capture, deviceError, pictureSize, type DeviceKind } from "./devices";
import type { Log } from "./log";
import type { ClientError, DeviceChoice, DeviceOutcome } from "./types";

export type LocalMediaOptions = {
  /** Another track, or none, is to be sent from now on, or the present one was muted or unmuted. */
  readonly onChange: (device: DeviceKind) => void;
  /** The stream has other tracks than before. */
  readonly onStream: (stream: MediaStream) => void;
  /** Something happened to a device that nobody asked for. */
  readonly onError: (error: ClientError) => void;
  readonly log: Log;
  /** For tests: another way to open devices. */
  readonly capture?: typeof capture;
};

export type LocalMedia = {
  readonly stream: MediaStream;
  readonly track: (device: DeviceKind) => MediaStreamTrack | null;
  /** Whether it is sent and not muted. */
  readonly isOn: (device: DeviceKind) => boolean;
  /** `keep` mutes instead of closing when turned off. Wishes for one device are granted in their order. */
  readonly set: (device: DeviceKind, choice: DeviceChoice, keep: boolean) => Promise<DeviceOutcome>;
  /** Whether a small picture of the camera will do, from now on. */
  readonly setSmall: (isSmall: boolean) => void;
  /** Gives both devices back. */
  readonly stop: () => void;
};

export function localMedia(options: LocalMediaOptions): LocalMedia {
  const { onChange, onStream, onError, log } = options;
  const open = options.capture ?? capture;
  const stream = new MediaStream();
  const tracks: Record<DeviceKind, MediaStreamTrack | null> = { mic: null, cam: null };
  let isSmall = false;
  const queues: Record<DeviceKind, Promise<unknown>> = { mic: Promise.resolve(), cam: Promise.resolve() };

  /** Runs after all that was asked of this device before. `run` never throws. */
  function inTurn<T>(device: DeviceKind, run: () => Promise<T>): Promise<T> {
    const turn = queues[device].then(run);
    queues[device] = turn;
    return turn;
  }

  function hold(device: DeviceKind, track: MediaStreamTrack | null): void {
    const former = tracks[device];
    tracks[device] = track;
    if (former) {
      stream.removeTrack(former);
      former.stop();
    }
    if (track) {
      stream.addTrack(track);
      // Not heard for tracks that the page itself stops: this is the device unplugged, or the permission withdrawn.
      track.addEventListener("ended", () => void inTurn(device, () => replaceLost(device, track)), { once: true });
    }
    onChange(device);
    if (former || track) onStream(stream);
  }

  async function replaceLost(device: DeviceKind, track: MediaStreamTrack): Promise<void> {
    if (tracks[device] !== track) return;
    const wasOn = track.enabled;
    log("deviceLost", { device }, "warn");
    const captured = await open(device);
    if (captured.ok) captured.track.enabled = wasOn;
    hold(device, captured.ok ? captured.track : null);
    const isDenied = !captured.ok && captured.error.code === "deviceDenied";
    onError(isDenied ? captured.error : deviceError("deviceLost", device));
  }

  async function turnOn(device: DeviceKind, deviceId: string | undefined): Promise<DeviceOutcome> {
    const present = tracks[device];
    const isThere = present?.readyState === "live" && (!deviceId || deviceId === present.getSettings().deviceId);
    if (!isThere) {
      const captured = await open(device, deviceId);
      if (!captured.ok) return captured;
      hold(device, captured.track);
      if (device === "cam" && isSmall) await resize(captured.track);
    } else if (!present.enabled) {
      present.enabled = true;
      onChange(device);
    }
    return outcome(device);
  }

  async function turnOff(device: DeviceKind, keep: boolean): Promise<DeviceOutcome> {
    const present = tracks[device];
    if (!keep) {
      if (present) hold(device, null);
    } else if (present?.enabled) {
      present.enabled = false;
      onChange(device);
    }
    return outcome(device);
  }

  /** A camera that has no such size goes on as before. */
  async function resize(track: MediaStreamTrack): Promise<void> {
    await track.applyConstraints(pictureSize(isSmall)).catch(() => log("pictureNotResized"));
  }

  function outcome(device: DeviceKind): DeviceOutcome {
    const track = tracks[device];
    if (!track) return { ok: true, on: false };
    const { deviceId } = track.getSettings();
    return { ok: true, on: track.enabled, label: track.label, ...(deviceId !== undefined && { deviceId }) };
  }

  function set(device: DeviceKind, choice: DeviceChoice, keep: boolean): Promise<DeviceOutcome> {
    return inTurn(device, () => {
      if (choice === false) return turnOff(device, keep);
      return turnOn(device, choice === true ? undefined : choice.deviceId);
    });
  }

  return {
    stream,
    track: (device) => tracks[device],
    isOn: (device) => tracks[device]?.enabled ?? false,
    set,
    setSmall(wanted) {
      if (wanted === isSmall) return;
      isSmall = wanted;
      if (tracks.cam) void resize(tracks.cam);
    },
    stop() {
      void set("mic", false, false);
      void set("cam", false, false);
    },
  };
}
