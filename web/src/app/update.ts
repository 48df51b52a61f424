/** What follows from each message: the next model, and what is to be done. */

import { announce } from "./announcement";
import {
  arrive,
  changeSignaling,
  dragInset,
  dropInset,
  measure,
  moveInset,
  noteFailure,
  refuse,
  resizeStage,
  startJoining,
  toggleLayout,
  toggleOnlyVideo,
  togglePin,
  wait,
  withLayout,
} from "./call";
import { answerTone, endCheckup, noteTrials, playTone, startCheckup } from "./checkup";
import { address, closePanel, read, receive, send, togglePanel } from "./chat";
import { report, withLog } from "./diagnostics";
import type { Update } from "./effect";
import {
  acceptAsk,
  askForName,
  beAsked,
  beTurnedOff,
  confirm,
  editName,
  noteKnocking,
  order,
  rename,
  showSign,
  toggleHand,
  withoutSign,
} from "./meeting";
import { cancelFile, chooseFiles, noteFile, progress, saveFile, takeFile } from "./files";
import type { Message } from "./message";
import type { LandingPage, Model, RoomPage } from "./model";
import { toggleFloating } from "./floating";
import { goHome, goToRoom, leave, openPath, rejoin } from "./navigation";
import {
  allowDevices,
  choose,
  chooseBackground,
  chooseCodec,
  dismissProblem,
  settle,
  toggleAudioOnly,
  toggleDataSaver,
  toggleNoiseFilter,
} from "./own";
import { withLink, withPath, withPictures, withSpeakers, withVideo } from "./people";
import { accept, list } from "./plugged";
import { proquints, ROOM_BYTES } from "./proquint";
import { announceRecording, beginRecording, noteRecording, toggleRecording } from "./recording";
import { roomName, roomPath } from "./roomName";
import { noteScreen, settleScreen, toggleScreen, toggleScreenMotion } from "./screen";
import { forgetRoom, languageFor, MAX_NAME_LENGTH, type Settings } from "./settings";
import { turnPage, withoutHidden } from "./stage";
import { beginTalking, endTalking, toggleByHand } from "./talk";

export function update(model: Model, message: Message): Update {
  switch (message.type) {
    case "editedRoomName":
      return onLanding(model, (page) => ({ ...page, draft: message.text, problem: null }));
    case "submittedRoomName":
      return submitRoomName(model);
    case "clickedUnguessableRoom":
      return [model, [{ type: "drawRandomBytes", count: ROOM_BYTES }]];
    case "drewRandomBytes":
      return goToRoom(model, proquints(message.bytes));
    case "clickedRecentRoom":
      return goToRoom(model, message.room);
    case "forgotRoom":
      return save(model, forgetRoom(model.settings, message.room));

    case "addressChanged":
      return openPath(model, message.path);
    case "clickedHome":
      return goHome(model);
    case "clickedJoin":
      return startJoining(model);
    case "clickedLeave":
      return leave(model, "left");
    case "clickedRejoin":
      return rejoin(model);

    case "editedPassword":
      if (model.page.page !== "preJoin") return [model, []];
      return [{ ...model, page: { ...model.page, password: message.text.slice(0, MAX_PASSWORD_LENGTH) } }, []];
    case "waitingBegan":
      return wait(model);
    case "knockingChanged":
      return noteKnocking(model, message.people);
    case "deviceTurnedOff":
      return beTurnedOff(model, message.device, message.by);
    case "askedToTurnOn":
      return [beAsked(model, message.device, message.by), []];
    case "acceptedAsk":
      return acceptAsk(model);
    case "declinedAsk":
      return inRoom(model, (page) => ({ ...page, asked: null }));
    case "chatCame":
      return receive(model, message.lines, message.isHistory);
    case "editedDraft":
      return inRoom(model, (page) => ({ ...page, chat: { ...page.chat, draft: message.text } }));
    case "choseRecipient":
      return address(model, message.to);
    case "sentDraft":
      return send(model);
    case "fileTold":
      return noteFile(model, message.told, message.at);
    case "fileLimitTold":
      return inRoom(model, (page) => ({ ...page, chat: { ...page.chat, fileBytes: message.bytes } }));
    case "fileProgressed":
      return [progress(model, message.file, message.done), []];
    case "fileSaved":
      return saveFile(model, message.file);
    case "choseFiles":
      return chooseFiles(model, message.files);
    case "clickedTakeFile":
      return takeFile(model, message.file);
    case "clickedCancelFile":
      return cancelFile(model, message.file);
    case "toggledPanel":
      return togglePanel(model, message.panel);
    case "closedPanel":
      return closePanel(model);
    case "changedRoll":
      return inRoom(model, (page) => ({ ...page, roll: { ...page.roll, ...message.change } }));
    case "toggledHand":
      return toggleHand(model);
    case "gaveSign":
      return [model, [{ type: "say", message: { type: "react", reaction: message.reaction } }]];
    case "reacted":
      return showSign(model, message.person, message.reaction);
    case "signExpired":
      return inRoom(model, (page) => withoutSign(page, message.number));
    case "gaveOrder":
      return order(model, message.order);
    case "confirmedOrder":
      return confirm(model);
    case "clickedRename":
      return [askForName(model, message.person), []];
    case "editedRename":
      return [editName(model, message.text), []];
    case "submittedRename":
      return rename(model);
    case "clickedCopyOwnerLink":
      if (model.page.page !== "room") return [model, []];
      return [model, [{ type: "copyOwnerLink", room: model.page.room, renew: message.renew }]];

    case "editedDisplayName":
      return save(model, { ...model.settings, displayName: message.text.slice(0, MAX_NAME_LENGTH) });
    case "toggledMic":
      return toggleByHand(model, "mic");
    case "toggledCam":
      return toggleByHand(model, "cam");
    case "talkKeyPressed":
      return beginTalking(model);
    case "talkKeyReleased":
      return endTalking(model);
    case "clickedAllowDevices":
      return allowDevices(model);
    case "choseDevice":
      return choose(model, message.kind, message.deviceId);
    case "deviceSettled":
      return settle(model, message.device, message.outcome);
    case "deviceListChanged":
      return [model, [{ type: "listDevices" }]];
    case "devicesListed":
      return list(model, message.devices);
    case "acceptedOffer":
      return accept(model);
    case "declinedOffer":
      return [{ ...model, offer: null }, []];
    case "toggledNoiseFilter":
      return toggleNoiseFilter(model);
    case "choseBackground":
      return chooseBackground(model, message.background);
    case "chosePicture":
      return [model, [{ type: "keepPicture", file: message.file }]];
    case "pictureKept":
      return chooseBackground(model, "picture");
    case "pictureUnreadable":
      return announce(model, { kind: "pictureUnreadable" });
    case "dismissedProblem":
      return [dismissProblem(model, message.device), []];

    case "clickedCheckup":
      return startCheckup(model);
    case "trialsFound":
      return noteTrials(model, message.trials);
    case "checkupEnded":
      return endCheckup(model);
    case "clickedTone":
      return playTone(model);
    case "answeredTone":
      return answerTone(model, message.isHeard);
    case "clickedCopyCheckup":
      return [model, [{ type: "copy", what: "report", text: message.report }]];

    case "joinRefused":
      return refuse(model, message.code);
    case "signalingChanged":
      return changeSignaling(model, message.state);
    case "participantsChanged":
      return arrive(model, message);
    case "linkChanged":
      return inRoom(model, (page) => withLink(page, message.peer, message.state));
    case "pathChanged":
      return inRoom(model, (page) => withPath(page, message.peer, message.path));
    case "picturesChanged":
      return inRoom(model, (page) => withPictures(page, message.pictures));
    case "speakersChanged":
      return rearranged(model, (page) => withSpeakers(page, message.speaking, message.active));
    case "screenSettled":
      return settleScreen(model, message.outcome);
    case "screenChanged":
      return [noteScreen(model, message.isShared), []];
    case "clientFailed":
      return noteFailure(model, message);
    case "clientLogged":
      return [{ ...model, diagnostics: withLog(model.diagnostics, message.entry) }, []];
    case "statsCollected":
      return [{ ...model, diagnostics: { ...model.diagnostics, stats: message.stats } }, []];
    case "levelsMeasured":
      return measure(model, message.own, message.peers);
    case "videoResized":
      return inRoom(model, (page) => withVideo(page, message.id, message.size));
    case "soundBlocked":
      return inRoom(model, (page) => ({ ...page, isSoundBlocked: true }));

    case "stageResized":
      return rearranged(model, (page) => resizeStage(page, message.size, message.pixelRatio));
    case "toggledLayout":
      return rearranged(model, toggleLayout);
    case "choseLayout":
      return rearranged(model, (page) => withLayout(page, message.layout));
    case "toggledOnlyVideo":
      return rearranged(model, toggleOnlyVideo);
    case "toggledPin":
      return rearranged(model, (page) => togglePin(page, message.tile));
    case "turnedPage":
      return rearranged(turnPage(model, message.by), (page) => page);
    case "toggledScreen":
      return toggleScreen(model);
    case "toggledScreenMotion":
      return toggleScreenMotion(model);
    case "inspectedConnection": {
      const [next] = inRoom(model, (page) => ({ ...page, inspected: message.person }));
      return [{ ...next, dialog: "connection" }, []];
    }
    case "insetDragged":
      return inRoom(model, (page) => dragInset(page, message.x, message.y));
    case "insetDropped":
      return inRoom(model, dropInset);
    case "insetMoved":
      return inRoom(model, (page) => moveInset(page, message.towards));
    case "toggledFullScreen":
      return [model, model.surroundings.canFullScreen ? [{ type: "toggleFullScreen" }] : []];
    case "fullScreenChanged":
      return [{ ...model, fullScreen: message.fullScreen }, []];
    case "toggledFloating":
      return toggleFloating(model);
    case "floatingChanged":
      return [{ ...model, isFloating: message.isFloating }, []];
    case "clickedCopyLink":
      return copyLink(model);
    case "clickedCopyReport":
      return [model, [{ type: "copy", what: "report", text: report(model) }]];
    case "copied":
      return announce(model, { kind: COPIED[message.what] });
    case "copyFailed":
      return announce(model, { kind: "copyFailed", text: message.text });
    case "clickedHear": {
      const [next] = inRoom(model, (page) => ({ ...page, isSoundBlocked: false }));
      return [next, [{ type: "startSound" }]];
    }
    case "announcementExpired":
      return [{ ...model, announcement: null }, []];

    case "toggledRecording":
      return toggleRecording(model);
    case "recordingPrepared":
      return announceRecording(model, message.isReady);
    case "recordingDue":
      return beginRecording(model);
    case "recordingEnded":
      return noteRecording(model, message.outcome);

    case "openedDialog":
      return [{ ...model, dialog: message.dialog }, []];
    case "closedDialog":
      return [{ ...inRoom(model, (page) => ({ ...page, question: null }))[0], dialog: null }, []];
    case "choseLanguage":
      return chooseLanguage(model, { ...model.settings, language: message.language });
    case "languageLoaded":
      return [{ ...model, language: message.language }, []];
    case "choseTheme":
      return save(model, { ...model.settings, theme: message.theme });
    case "toggledLetterShortcuts":
      return save(model, { ...model.settings, letterShortcuts: !model.settings.letterShortcuts });
    case "toggledSounds":
      return save(model, { ...model.settings, sounds: !model.settings.sounds });
    case "toggledAudioOnly":
      return toggleAudioOnly(model);
    case "toggledDataSaver":
      return toggleDataSaver(model);
    case "choseCodec":
      return chooseCodec(model, message.codec);
    case "pageHidden":
      return [{ ...model, pageHidden: true }, []];
    case "pageShown":
      return [{ ...inRoom(model, read)[0], pageHidden: false }, [{ type: "listDevices" }]];
  }
}

const COPIED = { link: "copied", report: "reportCopied", ownerLink: "ownerLinkCopied" } as const;

/** As the server's default, at one byte a letter. */
const MAX_PASSWORD_LENGTH = 256;

/** Like `inRoom`, for what may put tiles off the stage or on it. */
function rearranged(model: Model, change: (page: RoomPage) => RoomPage): Update {
  return inRoom(model, (page) => withoutHidden(change(page), model.surroundings.slots));
}

function submitRoomName(model: Model): Update {
  if (model.page.page !== "landing") return [model, []];
  const name = roomName(model.page.draft);
  if (name.ok) return goToRoom(model, name.room);
  return [{ ...model, page: { ...model.page, problem: name.problem } }, [{ type: "focus", id: "room-name" }]];
}

function copyLink(model: Model): Update {
  if (!("room" in model.page)) return [model, []];
  const text = model.surroundings.origin + roomPath(model.page.room);
  return [model, [{ type: "copy", what: "link", text }]];
}

function chooseLanguage(model: Model, settings: Settings): Update {
  const language = languageFor(settings.language, model.surroundings.browserLanguages);
  const [saved, effects] = save(model, settings);
  return [saved, [...effects, { type: "loadLanguage", language }]];
}

function save(model: Model, settings: Settings): Update {
  return [{ ...model, settings }, [{ type: "save", settings }]];
}

function onLanding(model: Model, change: (page: LandingPage) => LandingPage): Update {
  return [model.page.page === "landing" ? { ...model, page: change(model.page) } : model, []];
}

/** What comes too late, when the room has been left already, changes nothing. */
function inRoom(model: Model, change: (page: RoomPage) => RoomPage): Update {
  return [model.page.page === "room" ? { ...model, page: change(model.page) } : model, []];
}
