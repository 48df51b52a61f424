/** The own microphone and camera: open, muted, off, or lost. Each is asked for by itself, so neither takes the other along. */

import { capture, deviceError, pictureSize, type DeviceKind } from "./devices";
import type { Filter, Filtered } from "./filters";
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
  /** What is put over a device from when it is next turned on, be it on already. */
  readonly setFilter: (device: DeviceKind, filter: Filter | null) => void;
  /** Gives both devices back. */
  readonly stop: () => void;
};

/** A device that is open, and what is sent of it: its own track, or one under a filter. */
type Held = {
  readonly raw: MediaStreamTrack;
  readonly filter: Filter | null;
  readonly sent: MediaStreamTrack;
  readonly end: () => void;
};

/** Longer than it takes to fetch the largest of them over a slow network. Higher: who waits thinks that nothing happens. */
const FILTER_MS_MAX = 40_000;

const FAILED = { mic: "noiseFailed", cam: "backgroundFailed" } as const;

export function localMedia(options: LocalMediaOptions): LocalMedia {
  const { onChange, onStream, onError, log } = options;
  const open = options.capture ?? capture;
  const stream = new MediaStream();
  const held: Record<DeviceKind, Held | null> = { mic: null, cam: null };
  const filters: Record<DeviceKind, Filter | null> = { mic: null, cam: null };
  let isSmall = false;
  const queues: Record<DeviceKind, Promise<unknown>> = { mic: Promise.resolve(), cam: Promise.resolve() };

  /** Runs after all that was asked of this device before. `run` never throws. */
  function inTurn<T>(device: DeviceKind, run: () => Promise<T>): Promise<T> {
    const turn = queues[device].then(run);
    queues[device] = turn;
    return turn;
  }

  function hold(device: DeviceKind, next: Held | null): void {
    const former = held[device];
    held[device] = next;
    if (former) {
      stream.removeTrack(former.sent);
      former.end();
      if (former.raw !== next?.raw) former.raw.stop();
    }
    if (next) {
      const { raw, sent } = next;
      stream.addTrack(sent);
      // Not heard for tracks that the page itself stops: this is the device unplugged, or the permission withdrawn.
      if (former?.raw !== raw) listenFor(raw, () => replaceLost(device, raw));
      if (sent !== raw) listenFor(sent, () => replaceFiltered(device, next));
    }
    onChange(device);
    if (former || next) onStream(stream);

    function listenFor(track: MediaStreamTrack, ended: () => Promise<void>): void {
      track.addEventListener("ended", () => void inTurn(device, ended), { once: true });
    }
  }

  async function replaceLost(device: DeviceKind, track: MediaStreamTrack): Promise<void> {
    const present = held[device];
    if (present?.raw !== track) return;
    log("deviceLost", { device }, "warn");
    const captured = await open(device);
    const next = captured.ok ? await over(device, captured.track, filters[device]) : null;
    if (next) next.sent.enabled = present.sent.enabled;
    hold(device, next);
    if (captured.ok && !next) return onError(deviceError(FAILED[device], device));
    const isDenied = !captured.ok && captured.error.code === "deviceDenied";
    onError(isDenied ? captured.error : deviceError("deviceLost", device));
  }

  /** The filter broke down. A voice is heard without it; nobody is seen without the background that they chose. */
  async function replaceFiltered(device: DeviceKind, broken: Held): Promise<void> {
    if (held[device] !== broken || broken.raw.readyState !== "live") return;
    log("filterFailed", { device }, "warn");
    filters[device] = null;
    const next = device === "mic" ? bare(broken.raw) : null;
    if (next) next.sent.enabled = broken.sent.enabled;
    hold(device, next);
    onError(deviceError(FAILED[device], device));
  }

  /** Puts the filter over a track. `null` where that fails and the track must not be sent without. */
  async function over(device: DeviceKind, raw: MediaStreamTrack, filter: Filter | null): Promise<Held | null> {
    if (!filter) return bare(raw);
    try {
      const { track, end } = await inTime(filter(raw));
      return { raw, filter, sent: track, end };
    } catch {
      log("filterFailed", { device }, "warn");
      if (device === "mic") {
        onError(deviceError(FAILED.mic, device));
        // Remembered as if it were there, so that it is not tried again at each click.
        return { ...bare(raw), filter };
      }
      raw.stop();
      return null;
    }
  }

  async function turnOn(device: DeviceKind, deviceId: string | undefined): Promise<DeviceOutcome> {
    const present = held[device];
    const filter = filters[device];
    const isThere =
      present?.raw.readyState === "live" && (!deviceId || deviceId === present.raw.getSettings().deviceId);
    if (!isThere) {
      const captured = await open(device, deviceId);
      if (!captured.ok) return captured;
      if (device === "cam" && isSmall) await resize(captured.track);
      return begin(device, captured.track, filter);
    }
    if (present.filter !== filter) return begin(device, present.raw, filter);
    if (!present.sent.enabled) {
      present.sent.enabled = true;
      onChange(device);
    }
    return outcome(device);
  }

  async function begin(device: DeviceKind, raw: MediaStreamTrack, filter: Filter | null): Promise<DeviceOutcome> {
    const next = await over(device, raw, filter);
    hold(device, next);
    return next ? outcome(device) : { ok: false, error: deviceError(FAILED[device], device) };
  }

  async function turnOff(device: DeviceKind, keep: boolean): Promise<DeviceOutcome> {
    const present = held[device]?.sent;
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
    const present = held[device];
    if (!present) return { ok: true, on: false };
    const { raw, sent } = present;
    const { deviceId } = raw.getSettings();
    return { ok: true, on: sent.enabled, label: raw.label, ...(deviceId !== undefined && { deviceId }) };
  }

  function set(device: DeviceKind, choice: DeviceChoice, keep: boolean): Promise<DeviceOutcome> {
    return inTurn(device, () => {
      if (choice === false) return turnOff(device, keep);
      return turnOn(device, choice === true ? undefined : choice.deviceId);
    });
  }

  return {
    stream,
    track: (device) => held[device]?.sent ?? null,
    isOn: (device) => held[device]?.sent.enabled ?? false,
    set,
    setSmall(wanted) {
      if (wanted === isSmall) return;
      isSmall = wanted;
      if (held.cam) void resize(held.cam.raw);
    },
    setFilter(device, filter) {
      filters[device] = filter;
    },
    stop() {
      void set("mic", false, false);
      void set("cam", false, false);
    },
  };
}

const bare = (raw: MediaStreamTrack): Held => ({ raw, filter: null, sent: raw, end: () => {} });

/** A filter that comes too late is taken away again. */
function inTime(beginning: Promise<Filtered>): Promise<Filtered> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      reject(new Error("the filter did not begin"));
    }, FILTER_MS_MAX);
    beginning
      .then((filtered) => (isLate ? filtered.end() : resolve(filtered)), reject)
      .finally(() => clearTimeout(timer));
  });
}
