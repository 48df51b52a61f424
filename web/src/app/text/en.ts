/** English, and the shape that every other language has: a key too few or too many does not compile. */

import type { Layout } from "../model";
import type { RoomNameProblem } from "../roomName";
import type { Theme } from "../settings";
import type { ShortcutAction } from "../shortcuts";
import type { ClientErrorCode, Path } from "../../webrtc/types";
import type { Quality } from "../quality";

const plural = new Intl.PluralRules("en");

export const en = {
  /** The language's own name. */
  languageName: "English",

  landing: {
    title: "Talk face to face",
    lead: "A call on your own server. No account, nothing to install: name a room and share its link.",
    nameLabel: "Name a room",
    namePlaceholder: "family",
    open: "Open room",
    or: "or",
    unguessable: "Make an unguessable room",
    unguessableHint: "Its name is chosen by chance: only people with the link find it.",
    recent: "Rooms you have been in",
    recentHint: "Only this browser remembers them.",
    forget: (room: string) => `Forget ${room}`,
  },
  roomNameProblems: {
    empty: "Give the room a name.",
    characters: "A room name is made of letters, digits, hyphens and underscores.",
    tooLong: "This room name is too long.",
    reserved: "The server uses this name itself. Choose another one.",
  } satisfies Record<RoomNameProblem, string>,

  preJoin: {
    room: (room: string) => `You are about to join “${room}”`,
    nameLabel: "Your name",
    namePlaceholder: "Ada",
    join: "Join",
    joining: "Joining…",
    devicesOff: "Your camera and microphone are off.",
    allow: "Turn on camera and microphone",
    without: "You can also join with neither.",
    level: "Microphone level",
    preview: "Your picture",
    home: "Allo: back to the start page",
  },

  notFetched: {
    title: "This part of the page could not be fetched",
    hint: "The server was not reached. Close this, and try again in a moment.",
  },

  devices: {
    title: "Camera and sound",
    cam: "Camera",
    mic: "Microphone",
    speaker: "Speaker",
    byDefault: "Automatic",
    none: "None found",
    unnamed: (kind: string, number: number) => `${kind} ${number}`,
    offer: (label: string) => `“${label}” was plugged in.`,
    accept: "Use it",
  },

  call: {
    you: "You",
    participants: (count: number) => (plural.select(count) === "one" ? `${count} person here` : `${count} people here`),
    people: "People",
    controls: "Controls",
    alone: "You are the only one here",
    aloneHint: "Share the link, and whoever opens it can join.",
    muted: "muted",
    speaking: "speaking",
    status: {
      connecting: "Connecting…",
      reconnecting: "Reconnecting…",
      interrupted: "Connection interrupted",
      failed: "No connection yet; still trying",
    },
    moveInset: "Move your picture: arrow keys or click",
    screenOf: (name: string) => `${name}'s screen`,
    sharing: "You are sharing your screen",
    screenMotion: "Smooth, for films",
    pin: (name: string) => `Keep ${name} large`,
    paused: "Paused: your connection is slow",
    pausedCount: (count: number) =>
      plural.select(count) === "one"
        ? "Your connection is slow: 1 video paused"
        : `Your connection is slow: ${count} videos paused`,
    path: { direct: "Direct", server: "Through the server" } satisfies Record<Path, string>,
    pathHint: {
      direct: "Sound and pictures go straight from browser to browser.",
      server: "Sound and pictures go through your server, which passes them on.",
    } satisfies Record<Path, string>,
    quality: { good: "good", fair: "fair", poor: "poor" } satisfies Record<Quality, string>,
    connectionTo: (name: string, quality: string) => `Connection to ${name}: ${quality}. Show details`,
    pages: "Pages of people",
    page: (page: string, pages: string) => `Page ${page} of ${pages}`,
    hear: "Tap to hear the others",
    hearHint: "Your browser waits for a touch before it plays sound.",
  },
  signaling: {
    connecting: "Connecting to the server…",
    reconnecting: {
      loss: "The server is out of reach. The call goes on; trying again…",
      restart: "The server restarts. The call goes on in a moment.",
    },
    unreachable: "The server does not answer. Trying again…",
  },

  actions: {
    muteMic: "Mute microphone",
    unmuteMic: "Unmute microphone",
    stopCam: "Turn camera off",
    startCam: "Turn camera on",
    shareScreen: "Share screen",
    stopScreen: "Stop sharing",
    previousPage: "Previous page",
    nextPage: "Next page",
    fullScreen: "Full screen",
    leaveFullScreen: "Leave full screen",
    copyLink: "Copy link",
    more: "More",
    leave: "Leave",
    close: "Close",
    dismiss: "Dismiss",
    copy: "Copy report",
  },
  menu: {
    layout: "Layout",
    devices: "Camera and sound",
    diagnostics: "Diagnostics",
    shortcuts: "Keyboard shortcuts",
    language: "Language",
    theme: "Appearance",
    languageAuto: "Automatic",
  },
  settings: {
    title: "Settings",
    audioOnly: "Audio only",
    audioOnlyHint: "Your camera goes off, and no pictures are shown. The server sends none to you.",
    dataSaver: "Save data",
    dataSaverHint: "You send a small picture, and the server sends small ones to you.",
  },
  layouts: {
    grid: "Everybody alike",
    speaker: "Who speaks is large",
    sideBySide: "Two side by side",
    onlyVideo: "Only people with a picture",
    onlyVideoHint: "The others are heard all the same.",
  } satisfies Record<Layout | "onlyVideo" | "onlyVideoHint", string>,
  themes: { auto: "Automatic", light: "Light", dark: "Dark" } satisfies Record<Theme, string>,

  shortcuts: {
    title: "Keyboard shortcuts",
    actions: {
      toggleMic: "Microphone on or off",
      toggleCam: "Camera on or off",
      toggleScreen: "Share the screen, or stop",
      toggleLayout: "Everybody alike, or who speaks large",
      previousPage: "Previous page of people",
      nextPage: "Next page of people",
      fullScreen: "Full screen",
      copyLink: "Copy link",
      diagnostics: "Diagnostics",
      shortcuts: "These shortcuts",
    } satisfies Record<ShortcutAction, string>,
    talk: "Hold to talk while the microphone is off",
    talkKey: "Space",
    letters: "Single-letter shortcuts and the space bar",
    or: "or",
  },

  diagnostics: {
    title: "Diagnostics",
    hint: "Nothing of this is sent anywhere. The report holds no names, addresses or keys.",
    links: "Links",
    noLinks: "No links to others yet.",
    errors: "Errors",
    noErrors: "No errors.",
    events: "Events",
    noEvents: "No events yet.",
    columns: {
      peer: "Person",
      path: "Path",
      state: "State",
      ice: "ICE",
      candidates: "Candidates",
      protocol: "Protocol",
      send: "Sending",
      receive: "Receiving",
      loss: "Loss",
      roundTrip: "Round trip",
      frames: "Frames",
      codec: "Codec",
      picture: "Picture",
      layer: "Layer",
    },
    height: (lines: string) => `${lines} lines`,
    bitrate: (kilobits: string) => `${kilobits} kbit/s`,
    milliseconds: (ms: string) => `${ms} ms`,
    unknown: "–",
  },

  connection: { title: (name: string) => `Connection to ${name}`, nothing: "There is no connection yet." },

  left: {
    left: "You have left the call",
    ended: "The call has ended for you",
    rejoin: "Rejoin",
    home: "Start page",
    room: (room: string) => `Room: ${room}`,
  },

  announcements: {
    copied: "Link copied",
    copyFailed: "The browser did not let the link be copied. Here it is:",
    reportCopied: "Report copied",
    mutedTalk: "Nobody hears you: your microphone is off.",
    replaced: {
      mic: "Your microphone was taken away; another one is in use.",
      cam: "Your camera was taken away; another one is in use.",
      speaker: "Your speaker was taken away; another one is in use.",
    },
    screenFailed: "The screen could not be shared.",
    joined: (name: string) => `${name} joined`,
    left: (name: string) => `${name} left`,
  },

  about: { mic: "Microphone", cam: "Camera" },

  /** What happened, and how to mend it. */
  errors: {
    deviceDenied:
      "The browser does not allow it. Click the icon beside the address, allow it there, and turn it on again.",
    deviceNotFound: "None was found. Plug one in, or choose another one under “Camera and sound”.",
    deviceBusy: "Another program is using it. Close that program and turn it on again.",
    deviceLost: "It was unplugged or taken away. Plug it in again, or choose another one.",
    deviceUnsupported: "This browser cannot use it. A current Chrome, Edge, Firefox or Safari can.",
    insecureContext: "Browsers allow cameras and microphones on https pages only. Open this page by its https address.",
    signalingUnreachable: "The server does not answer. Check your network and try again.",
    badServerMessage: "The server said something that this page does not understand. Reload the page.",
    negotiationFailed: "The connection to somebody could not be set up. It is being tried again.",
    iceFailed: "There is no network path to somebody yet. It is being tried again.",
    badMessage: "The server did not understand this page. Reload it to get the server's version.",
    unsupportedVersion: "This page and the server are of different versions. Reload the page.",
    outOfOrder: "The server lost track of this page. Join again.",
    alreadyJoined: "This page is already in another call. Reload it and join again.",
    badRoomName: "The server does not accept this name for a room. Choose another one.",
    badDisplayName: "Please give a name that the others can read.",
    roomFull: "This room is full. Join again when somebody has left.",
    tooManyRooms: "The server holds as many rooms as it can. Try again later.",
    noSuchPeer: "That person is no longer here.",
    badOffer: "The server does not understand how this page sends its media. Reload the page.",
    mediaUnavailable: "Media do not go through the server here.",
    serverBusy: "The server carries as much sound and as many pictures as it can. It is being tried again.",
    mediaLost: "Sound and pictures did not reach the server any more. It is being tried again.",
    mediaFault: "The server had a fault. The connection is being set up again.",
    notAllowed: "You may not do that here.",
    roomLocked: "This room is locked. Ask somebody inside to unlock it, and join again.",
    passwordRequired: "This room has a password. Type it and join again.",
    wrongPassword: "That is not the password. Check it and try again.",
    badPassword: "This password cannot be used: it is empty or too long.",
    tooManyAttempts: "Too many passwords were tried. Wait a minute and try again.",
    mayNotOpen: "Nobody is in this room yet, and only who has the server's password may open it.",
    lobbyFull: "Too many people wait to be let in. Join again in a moment.",
    badText: "This text cannot be sent: it is empty or too long.",
    tooFast: "That was too much at once. Wait a moment and try again.",
    tooManyPeople: "The room cannot keep so many people in mind.",
    denied: "You were not let in.",
    removed: "You were put out of the room. To come back you have to be let in.",
    banned: "You were put out of this meeting.",
    meetingEnded: "The meeting was ended for everyone.",
    superseded: "This call was opened elsewhere, in another tab or window. Rejoin to have it here.",
    tooManyMessages: "This page said too much too fast, and the server hung up. Join again.",
    timedOut: "The server did not hear from this page for too long. Join again.",
    tooSlow: "This page could not keep up with the server. Join again.",
    serverStopping: "The server is being restarted. Join again in a moment.",
  } satisfies Record<ClientErrorCode, string>,
};

export type Dictionary = typeof en;
