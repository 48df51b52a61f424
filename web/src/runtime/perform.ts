/** Carries out effects. */

import type { Effect } from "../app/effect";
import type { Dispatch } from "../app/message";
import type { Device } from "../app/model";
import type { DeviceKind } from "../app/settings";
import type { TileId } from "../app/tiles";
import type { JoinOptions } from "../webrtc/types";
import { roomPath } from "../app/roomName";
import { listDevices, type DeviceList } from "../webrtc/devices";
import { SELF } from "../view/streams";
import type { BackgroundPicture } from "./backgroundPicture";
import { loadDictionary } from "./dictionaries";
import type { FileTransfers } from "./fileTransfers";
import type { Media } from "./media";
import { ownerLink, type Ownership } from "./ownership";
import type { Recording } from "./recording";
import type { Session } from "./session";
import type { Sounds } from "./sounds";
import { saveSettings } from "./storage";

export type PerformOptions = {
  readonly dispatch: Dispatch;
  readonly session: Session;
  readonly media: Media;
  readonly sounds: Sounds;
  readonly ownership: Ownership;
  readonly setFloating: (tile: TileId | null) => Promise<void>;
  /** Resolves when the page shows the latest model. */
  readonly drawn: () => Promise<void>;
  readonly picture: BackgroundPicture;
  readonly recording: Recording;
};

export function performer(options: PerformOptions): (effect: Effect) => void {
  const { dispatch, session, media, sounds, ownership, drawn, setFloating, picture, recording } = options;
  const timers = new Map<string, ReturnType<typeof setTimeout>>();

  let transfers: Promise<FileTransfers> | undefined;

  /** Fetched with the first file. Without it, that one does not get on, as the server says in its time. */
  function transfer(then: (transfers: FileTransfers) => void): void {
    transfers ??= import("./fileTransfers").then(({ fileTransfers }) => fileTransfers({ dispatch, session }));
    transfers.then(then, () => (transfers = undefined));
  }

  async function copyOwnerLink(room: string, renew: boolean): Promise<void> {
    const { secret, isNew } = ownership.secret(room, renew);
    if (isNew) session.say({ type: "setOwnerSecret", ownerSecret: secret });
    await copy("ownerLink", ownerLink(roomPath(room), secret), dispatch);
  }

  let stopCheckup = (): void => {};

  /** The code for it is fetched when it is wanted: hardly anybody needs it. */
  async function checkUp(): Promise<void> {
    let isWanted = true;
    stopCheckup = () => (isWanted = false);
    const { startCheckup } = await import("./checkup").catch(() => ({ startCheckup: undefined }));
    if (!isWanted) return;
    if (startCheckup === undefined) {
      dispatch({ type: "trialsFound", trials: { server: { state: "failed" } } });
      return dispatch({ type: "checkupEnded" });
    }
    stopCheckup = startCheckup({
      picture: () => media.stream(SELF)?.getVideoTracks()[0],
      found: (trials) => dispatch({ type: "trialsFound", trials }),
      ended: () => dispatch({ type: "checkupEnded" }),
    });
  }

  return (effect) => {
    switch (effect.type) {
      case "openClient":
        return session.open();
      case "closeClient":
        stopCheckup();
        return session.close();
      case "join":
        return session.join(joinOptions(effect));
      case "say":
        return session.say(effect.message);
      case "startCheckup":
        return void checkUp();
      case "serveFile":
        return transfer(({ serve }) => serve(effect.file, effect.reference));
      case "openFileChannel":
        return transfer(({ open }) => open());
      case "takeFile":
        return transfer(({ take }) => take(effect.file, effect.fileName, effect.bytes));
      case "dropFile":
        return transfer(({ drop }) => drop(effect.file));
      case "playSound":
        return sounds.play(effect.sound);
      case "copyOwnerLink":
        return void copyOwnerLink(effect.room, effect.renew);
      case "setMic":
        return session.setDevice("mic", (client) => client.setMic(effect.choice, effect));
      case "setCam": {
        const background = effect.background === "picture" ? picture.current() : effect.background;
        return session.setDevice("cam", (client) =>
          client.setCam(effect.choice, { isSmall: effect.isSmall, codec: effect.codec, background }),
        );
      }
      case "keepPicture":
        return void picture.keep(effect.file).then(
          () => dispatch({ type: "pictureKept" }),
          () => dispatch({ type: "pictureUnreadable" }),
        );
      case "setScreen":
        return session.setScreen(effect.isShared);
      case "setScreenContent":
        return session.setScreenContent(effect.content);
      case "prepareRecording":
        return recording.prepare(effect.name);
      case "beginRecording":
        return recording.begin();
      case "endRecording":
        return recording.end();
      case "setSpeaker":
        sounds.setSpeaker(effect.deviceId);
        return media.setSpeaker(effect.deviceId);
      case "listDevices":
        return void listDevices().then((list) => dispatch({ type: "devicesListed", devices: devicesOf(list) }));
      case "startSound":
        return media.startSound();
      case "showPath":
        return showPath(effect.path, effect.replace);
      case "save":
        return saveSettings(effect.settings);
      case "drawRandomBytes":
        return dispatch({ type: "drewRandomBytes", bytes: randomBytes(effect.count) });
      case "loadLanguage":
        return void loadDictionary(effect.language).then(
          () => dispatch({ type: "languageLoaded", language: effect.language }),
          () => undefined,
        );
      case "toggleFullScreen":
        return void toggleFullScreen();
      case "setFloating":
        return void setFloating(effect.tile);
      case "copy":
        return void copy(effect.what, effect.text, dispatch);
      case "focus":
        return void drawn().then(() => document.getElementById(effect.id)?.focus());
      case "wait":
        clearTimeout(timers.get(effect.timer));
        timers.set(
          effect.timer,
          setTimeout(() => dispatch(effect.message), effect.ms),
        );
    }
  };
}

/** The effect's own name is nothing to tell the server. */
function joinOptions({ type: _, ...options }: Extract<Effect, { type: "join" }>): JoinOptions {
  return options;
}

function devicesOf({ mics, cams, speakers }: DeviceList): Device[] {
  const of = (kind: DeviceKind, devices: readonly MediaDeviceInfo[]): Device[] =>
    // Before any permission the browser lists devices without ids: there is nothing to choose yet.
    devices
      .filter(({ deviceId }) => deviceId !== "")
      .map(({ deviceId, label, groupId }) => ({ kind, deviceId, label, group: groupId }));
  return [...of("mic", mics), ...of("cam", cams), ...of("speaker", speakers)];
}

function showPath(path: string, replace: boolean): void {
  if (replace) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
}

function randomBytes(count: number): number[] {
  return [...crypto.getRandomValues(new Uint8Array(count))];
}

async function toggleFullScreen(): Promise<void> {
  // A refusal changes nothing on the page, which follows the browser's own event.
  if (document.fullscreenElement === null) await document.documentElement.requestFullscreen().catch(() => undefined);
  else await document.exitFullscreen().catch(() => undefined);
}

async function copy(what: "link" | "report" | "ownerLink", text: string, dispatch: Dispatch): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    dispatch({ type: "copied", what });
  } catch {
    dispatch({ type: "copyFailed", text });
  }
}
