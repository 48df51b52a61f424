/** Everything that `update` can order, as data. runtime/perform carries it out. */

import type { FileId, TopologyChoice } from "../protocol/messages";
import type { CameraCodec, DeviceChoice, MeetingMessage, ScreenContent } from "../webrtc/types";
import type { Message } from "./message";
import type { Model } from "./model";
import type { Background, Language, Settings } from "./settings";
import type { TileId } from "./tiles";

export type Effect =
  /** Makes the call's client, with which devices can be tried before joining. An older one is closed. */
  | { readonly type: "openClient" }
  /** Leaves the room, if any, and gives the devices back. */
  | { readonly type: "closeClient" }
  | {
      readonly type: "join";
      readonly room: string;
      readonly displayName: string;
      readonly topology?: TopologyChoice;
      readonly password?: string;
      readonly openingPassword?: string;
    }
  /** Says something to the server. */
  | { readonly type: "say"; readonly message: MeetingMessage }
  /** From now on answers the server with parts of the own file under this number, of which nothing is sent by now. */
  | { readonly type: "serveFile"; readonly file: FileId; readonly reference: number }
  /** Asks for the channel by which files go, unless it is there. */
  | { readonly type: "openFileChannel" }
  /** Makes ready for a file that is about to be asked for. */
  | { readonly type: "takeFile"; readonly file: FileId; readonly fileName: string; readonly bytes: number }
  /** Forgets what came of a file, or what was to be sent of it. */
  | { readonly type: "dropFile"; readonly file: FileId }
  | { readonly type: "playSound"; readonly sound: Sound }
  /** Tries the network until it is done, or until the client is closed. */
  | { readonly type: "startCheckup" }
  /** Copies the link that makes whoever opens it an owner; `renew`: another one than before, which is worth nothing then. */
  | { readonly type: "copyOwnerLink"; readonly room: string; readonly renew: boolean }
  | {
      readonly type: "setMic";
      readonly choice: DeviceChoice;
      readonly release: boolean;
      readonly isFiltered?: true;
    }
  /** `isSmall`: a small picture will do. `codec`: in that instead of VP8, as far as others can decode it. */
  | {
      readonly type: "setCam";
      readonly choice: DeviceChoice;
      readonly isSmall?: true;
      readonly codec?: Exclude<CameraCodec, "vp8">;
      readonly background?: Exclude<Background, "none">;
    }
  /** Keeps a picture for the background, in this browser. */
  | { readonly type: "keepPicture"; readonly file: Blob }
  | { readonly type: "setScreen"; readonly isShared: boolean }
  | { readonly type: "setScreenContent"; readonly content: ScreenContent }
  /** Asks where a recording of `name` is to go. */
  | { readonly type: "prepareRecording"; readonly name: string }
  | { readonly type: "beginRecording" }
  | { readonly type: "endRecording" }
  | { readonly type: "setSpeaker"; readonly deviceId: string | null }
  | { readonly type: "listDevices" }
  | { readonly type: "startSound" }
  | { readonly type: "showPath"; readonly path: string; readonly replace: boolean }
  | { readonly type: "save"; readonly settings: Settings }
  | { readonly type: "drawRandomBytes"; readonly count: number }
  | { readonly type: "loadLanguage"; readonly language: Language }
  | { readonly type: "toggleFullScreen" }
  /** Shows `tile` over other windows, or nothing any more. */
  | { readonly type: "setFloating"; readonly tile: TileId | null }
  | { readonly type: "copy"; readonly what: "link" | "report"; readonly text: string }
  | { readonly type: "focus"; readonly id: string }
  /** Says `message` after a while. A later one with the same `timer` replaces it. */
  | {
      readonly type: "wait";
      readonly timer: "announcement" | "recording" | `sign ${number}`;
      readonly ms: number;
      readonly message: Message;
    };

/** What is to be heard besides voices. */
export type Sound = "joined" | "hand" | "chat" | "knock" | "test" | "recording";

/** What follows from a message. */
export type Update = readonly [Model, readonly Effect[]];
