/** Everything that can happen, as past facts. */

import type {
  Device as PublishedDevice,
  FileId,
  Knocker,
  Participant,
  ParticipantId,
  Reaction,
  RoomSettings,
} from "../protocol/messages";
import type {
  CameraCodec,
  ClientError,
  ClientErrorCode,
  DeviceOutcome,
  FileMessage,
  LinkState,
  LogEntry,
  MeetingMessage,
  Path,
  PeerStats,
  Picture,
  SignalingState,
} from "../webrtc/types";
import type { Trials } from "./checkup";
import type { Size } from "./layout";
import type { ChatLine, ChosenFile, Device, Dialog, Layout, Panel, Recipient, Roll } from "./model";
import type { RecordingOutcome } from "./recording";
import type { Background, DeviceKind, Language, Theme } from "./settings";
import type { TileId } from "./tiles";

export type Message =
  // Landing
  | { readonly type: "editedRoomName"; readonly text: string }
  | { readonly type: "submittedRoomName" }
  | { readonly type: "clickedUnguessableRoom" }
  | { readonly type: "drewRandomBytes"; readonly bytes: readonly number[] }
  | { readonly type: "clickedRecentRoom"; readonly room: string }
  | { readonly type: "forgotRoom"; readonly room: string }
  // Moving between pages
  | { readonly type: "addressChanged"; readonly path: string }
  | { readonly type: "clickedHome" }
  | { readonly type: "clickedJoin" }
  | { readonly type: "clickedLeave" }
  | { readonly type: "clickedRejoin" }
  // Devices
  | { readonly type: "editedDisplayName"; readonly text: string }
  | { readonly type: "toggledMic" }
  | { readonly type: "toggledCam" }
  | { readonly type: "talkKeyPressed" }
  | { readonly type: "talkKeyReleased" }
  | { readonly type: "clickedAllowDevices" }
  | { readonly type: "choseDevice"; readonly kind: DeviceKind; readonly deviceId: string | null }
  | { readonly type: "deviceSettled"; readonly device: "mic" | "cam"; readonly outcome: DeviceOutcome }
  | { readonly type: "deviceListChanged" }
  | { readonly type: "devicesListed"; readonly devices: readonly Device[] }
  | { readonly type: "acceptedOffer" }
  | { readonly type: "declinedOffer" }
  | { readonly type: "toggledNoiseFilter" }
  | { readonly type: "choseBackground"; readonly background: Background }
  | { readonly type: "chosePicture"; readonly file: Blob }
  | { readonly type: "pictureKept" }
  | { readonly type: "pictureUnreadable" }
  | { readonly type: "dismissedProblem"; readonly device: "mic" | "cam" }
  // The check of devices and network
  | { readonly type: "clickedCheckup" }
  | { readonly type: "trialsFound"; readonly trials: Partial<Trials> }
  | { readonly type: "checkupEnded" }
  | { readonly type: "clickedTone" }
  | { readonly type: "answeredTone"; readonly isHeard: boolean }
  | { readonly type: "clickedCopyCheckup"; readonly report: string }
  // From the call
  | { readonly type: "joinRefused"; readonly code: ClientErrorCode }
  | { readonly type: "signalingChanged"; readonly state: SignalingState }
  | {
      readonly type: "participantsChanged";
      readonly self: ParticipantId;
      readonly participants: readonly Participant[];
      readonly room: string;
      readonly rules: RoomSettings | null;
    }
  | { readonly type: "waitingBegan" }
  | { readonly type: "knockingChanged"; readonly people: readonly Knocker[] }
  | { readonly type: "deviceTurnedOff"; readonly device: PublishedDevice; readonly by: ParticipantId }
  | { readonly type: "askedToTurnOn"; readonly device: PublishedDevice; readonly by: ParticipantId }
  | { readonly type: "chatCame"; readonly lines: readonly ChatLine[]; readonly isHistory: boolean }
  | { readonly type: "fileTold"; readonly told: FileMessage; readonly at: number }
  | { readonly type: "fileLimitTold"; readonly bytes: number }
  | { readonly type: "fileProgressed"; readonly file: FileId; readonly done: number }
  | { readonly type: "fileSaved"; readonly file: FileId }
  | { readonly type: "reacted"; readonly person: ParticipantId; readonly reaction: Reaction }
  | { readonly type: "signExpired"; readonly number: number }
  | { readonly type: "linkChanged"; readonly peer: ParticipantId; readonly state: LinkState }
  | { readonly type: "pathChanged"; readonly peer: ParticipantId; readonly path: Path }
  | { readonly type: "picturesChanged"; readonly pictures: readonly Picture[] }
  | {
      readonly type: "speakersChanged";
      readonly speaking: readonly ParticipantId[];
      readonly active: ParticipantId | null;
    }
  | { readonly type: "screenSettled"; readonly outcome: DeviceOutcome }
  | { readonly type: "screenChanged"; readonly isShared: boolean }
  /** `isReplaced`: the device was lost, and another one has taken its place. */
  | {
      readonly type: "clientFailed";
      readonly error: ClientError;
      readonly at: number;
      readonly isReplaced: boolean;
    }
  | { readonly type: "clientLogged"; readonly entry: LogEntry }
  | { readonly type: "statsCollected"; readonly stats: readonly PeerStats[] }
  | { readonly type: "levelsMeasured"; readonly own: number; readonly peers: readonly Level[] }
  | { readonly type: "videoResized"; readonly id: TileId; readonly size: Size }
  | { readonly type: "soundBlocked" }
  // In the call
  | { readonly type: "stageResized"; readonly size: Size; readonly pixelRatio: number }
  | { readonly type: "toggledLayout" }
  | { readonly type: "choseLayout"; readonly layout: Layout }
  | { readonly type: "toggledOnlyVideo" }
  | { readonly type: "toggledPin"; readonly tile: TileId }
  | { readonly type: "turnedPage"; readonly by: 1 | -1 }
  | { readonly type: "toggledScreen" }
  | { readonly type: "toggledScreenMotion" }
  | { readonly type: "inspectedConnection"; readonly person: ParticipantId }
  | { readonly type: "insetDragged"; readonly x: number; readonly y: number }
  | { readonly type: "insetDropped" }
  | { readonly type: "insetMoved"; readonly towards: "left" | "right" | "up" | "down" | "next" }
  | { readonly type: "toggledFullScreen" }
  | { readonly type: "fullScreenChanged"; readonly fullScreen: boolean }
  | { readonly type: "toggledFloating" }
  | { readonly type: "floatingChanged"; readonly isFloating: boolean }
  | { readonly type: "clickedCopyLink" }
  | { readonly type: "clickedCopyReport" }
  | { readonly type: "copied"; readonly what: "link" | "report" | "ownerLink" }
  | { readonly type: "copyFailed"; readonly text: string }
  | { readonly type: "clickedHear" }
  | { readonly type: "announcementExpired" }
  // The meeting
  | { readonly type: "editedPassword"; readonly text: string }
  | { readonly type: "toggledPanel"; readonly panel: Panel }
  | { readonly type: "closedPanel" }
  | { readonly type: "editedDraft"; readonly text: string }
  | { readonly type: "choseRecipient"; readonly to: Recipient | null }
  | { readonly type: "sentDraft" }
  | { readonly type: "choseFiles"; readonly files: readonly ChosenFile[] }
  | { readonly type: "clickedTakeFile"; readonly file: FileId }
  | { readonly type: "clickedCancelFile"; readonly file: FileId }
  | { readonly type: "toggledHand" }
  | { readonly type: "gaveSign"; readonly reaction: Reaction }
  | { readonly type: "acceptedAsk" }
  | { readonly type: "declinedAsk" }
  | { readonly type: "changedRoll"; readonly change: Partial<Roll> }
  | { readonly type: "gaveOrder"; readonly order: MeetingMessage }
  | { readonly type: "confirmedOrder" }
  | { readonly type: "clickedRename"; readonly person: ParticipantId }
  | { readonly type: "editedRename"; readonly text: string }
  | { readonly type: "submittedRename" }
  | { readonly type: "clickedCopyOwnerLink"; readonly renew: boolean }
  | { readonly type: "toggledRecording" }
  | { readonly type: "recordingPrepared"; readonly isReady: boolean }
  | { readonly type: "recordingDue" }
  | { readonly type: "recordingEnded"; readonly outcome: RecordingOutcome }
  // Everywhere
  | { readonly type: "openedDialog"; readonly dialog: Dialog }
  | { readonly type: "closedDialog" }
  | { readonly type: "choseLanguage"; readonly language: Language | null }
  | { readonly type: "languageLoaded"; readonly language: Language }
  | { readonly type: "choseTheme"; readonly theme: Theme }
  | { readonly type: "toggledLetterShortcuts" }
  | { readonly type: "toggledSounds" }
  | { readonly type: "toggledAudioOnly" }
  | { readonly type: "toggledDataSaver" }
  | { readonly type: "choseCodec"; readonly codec: CameraCodec }
  | { readonly type: "pageHidden" }
  | { readonly type: "pageShown" };

export type Level = { readonly id: ParticipantId; readonly level: number };

export type Dispatch = (message: Message) => void;
