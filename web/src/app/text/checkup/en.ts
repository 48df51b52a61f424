/** The words of the page of diagnostics, apart from the others because hardly anybody needs them. Each says what to do where something can be done. */

import type { Conclusion, Saying, Side, Step, Verdict } from "../../findings";

export const en = {
  title: "Check camera, sound and network",
  lead: "It takes about half a minute. Your camera and microphone are tried here, and a test picture goes to the server and back. Nobody else sees or hears it, and nothing is recorded.",
  start: "Start the check",
  again: "Check again",
  running: "Checking…",
  tone: "Play a tone",
  heard: "I hear it",
  unheard: "I hear nothing",
  copy: "Copy report",
  copyHint: "For whoever runs the server. It holds no names and no addresses.",
  result: "Result",
  steps: {
    cam: "Camera",
    mic: "Microphone",
    speaker: "Speaker",
    server: "Conversation with the server",
    udp: "Sound and picture over UDP",
    tcp: "Sound and picture over TCP",
    relay: "Sound and picture through the server’s relay",
    flow: "Bandwidth",
  } satisfies Record<Step, string>,
  verdicts: {
    waiting: "not checked yet",
    running: "being checked…",
    good: "good",
    fair: "not ideal",
    bad: "problem",
  } satisfies Record<Verdict, string>,
  sayings: {
    camOn: "The browser may use your camera. You should see yourself here.",
    micHeard: "Your microphone gives sound.",
    micSilent:
      "The browser may use your microphone, but nothing loud came from it yet. Say something. If the bar does not move, choose another microphone, or see whether it has a switch.",
    toneAsked: "Play the tone, and say whether you hear it.",
    toneHeard: "You hear the tone.",
    toneUnheard:
      "Turn the volume up, see what is plugged in, and choose another speaker in the settings of your system.",
    serverAnswers: "The server answers.",
    serverSilent:
      "The page came, but its conversation with the server (a WebSocket) does not come about. The server may be down just now, or something on the way, such as a company’s proxy, does not let it through. Try another network, for instance your telephone’s. If it is the same there, tell whoever runs the server.",
    udpPasses: "It gets through. That is the quickest way.",
    udpBlocked:
      "UDP does not get through, as in many companies and hotels. Calls take another way, which may stutter when the network is slow. If it does, try another network, or ask whoever runs this one to let UDP through.",
    tcpPasses: "It gets through.",
    tcpBlocked: "It does not get through.",
    relayPasses: "It gets through, under the same encryption as the page.",
    relayBlocked: "It does not get through either.",
    relayUnneeded: "It does not get through, and is not needed here.",
    relayAbsent: "This server has no relay that could be tried.",
    flowGood: "That is enough for a call with pictures. More may be possible: only so much was tried.",
    flowFair: "That is enough for sound and a small picture. Under “Settings”, “Save data” makes calls run better.",
    flowBad:
      "That is too little for pictures. “Audio only” under “Settings” makes calls run better. Come closer to the Wi-Fi, use a cable, or end what else uses the network.",
    flowNone: "It could not be measured, because no picture got through.",
  } satisfies Record<Saying, string>,
  roundTrip: (ms: string) => `Round trip: ${ms} ms.`,
  flow: (kilobits: string, loss: string) => `${kilobits} kbit/s came back from the server; ${loss} was lost.`,
  conclusions: {
    allGood: "All is well. Calls should work.",
    devices: "Camera or sound on this device need a look: see above.",
    serverSilent: "The server cannot be spoken to from here.",
    serverRefuses: "The server answers, but does not let the check go on: see above.",
    noWay:
      "Neither sound nor picture get through to the server. If others can join calls on it, the problem is in your network: try another one. If nobody can, tell whoever runs the server: its port has to be open for UDP and TCP.",
    onlyRelay:
      "Your network lets through only what looks like web pages. Calls work by way of the server’s relay, and may stutter when the network is slow.",
    noUdp: "Your network blocks UDP. Calls work over TCP, and may stutter when the network is slow.",
    narrow: "Calls work, but your network carries little: see above.",
  } satisfies Record<Conclusion, string>,
  sides: {
    nobody: "Nothing is to be done.",
    device: "This is about your device.",
    network: "This is about your network, not about the server.",
    server: "This is about the server, not about you.",
    unclear: "Whether it is about your network or about the server, only another network or another person can tell.",
  } satisfies Record<Side, string>,
};

export type CheckupWords = typeof en;
