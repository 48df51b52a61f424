/** What follows from what was tried on the page of diagnostics: in which words, and on whose side a problem is. */

import type { ClientErrorCode } from "../webrtc/types";
import type { Flow, Trial, Trials } from "./checkup";
import type { CheckupPage, OwnDevice } from "./model";

export type Step = "cam" | "mic" | "speaker" | "server" | "udp" | "tcp" | "relay" | "flow";

export type Verdict = "waiting" | "running" | "good" | "fair" | "bad";

/** What is said of a step. Each is a sentence that says what to do where something is to be done. */
export type Saying =
  | "camOn"
  | "micHeard"
  | "micSilent"
  | "toneAsked"
  | "toneHeard"
  | "toneUnheard"
  | "serverAnswers"
  | "serverSilent"
  | "udpPasses"
  | "udpBlocked"
  | "tcpPasses"
  | "tcpBlocked"
  | "relayPasses"
  | "relayBlocked"
  | "relayUnneeded"
  | "relayAbsent"
  | "flowGood"
  | "flowFair"
  | "flowBad"
  | "flowNone";

export type Finding = {
  readonly step: Step;
  readonly verdict: Verdict;
  /** `null` while there is nothing to say; a code where an error says it. */
  readonly says: { readonly saying: Saying } | { readonly code: ClientErrorCode } | null;
  readonly roundTripMs?: number;
  readonly bitrate?: number;
  readonly loss?: number;
};

/** On whose side the gravest problem is; `unclear` where only another network or another person can tell. */
export type Side = "nobody" | "device" | "network" | "server" | "unclear";

export type Conclusion =
  "allGood" | "devices" | "serverSilent" | "serverRefuses" | "noWay" | "onlyRelay" | "noUdp" | "narrow";

/** Louder than this is a voice, or at least something. Lower: the hiss of a microphone that is turned off is taken for sound. */
const AUDIBLE = 0.05;
/** What one face at a middling size and a voice take. */
const ENOUGH_BITS = 500_000;
/** Below this not even the smallest picture moves well. */
const LITTLE_BITS = 200_000;
/** Beyond these, sound has gaps, or pictures begin to suffer. */
const MUCH_LOSS = 0.06;
const SOME_LOSS = 0.02;

export function findings({ own, loudest, tone, trials }: CheckupPage): readonly Finding[] {
  const { server, udp, tcp, relay, flow } = trials;
  return [
    { step: "cam", ...device(own.cam, "camOn") },
    { step: "mic", ...device(own.mic, loudest >= AUDIBLE ? "micHeard" : "micSilent") },
    { step: "speaker", ...speaker(tone) },
    { step: "server", ...way(server, "serverAnswers", "serverSilent", "bad") },
    { step: "udp", ...way(udp, "udpPasses", "udpBlocked", "fair") },
    { step: "tcp", ...way(tcp, "tcpPasses", "tcpBlocked", passed(udp) ? "fair" : "bad") },
    { step: "relay", ...relayed(relay, passed(udp) || passed(tcp)) },
    { step: "flow", ...flowing(flow) },
  ];
}

export type Concluded = { readonly what: Conclusion; readonly side: Side };

/** Returns what all of it comes to, of the network first; nothing until the network has been tried. */
export function conclusions(page: CheckupPage): readonly Concluded[] {
  if (page.phase !== "done") return [];
  const all = [...ofNetwork(page.trials), ...ofDevices(page)];
  return all.length > 0 ? all : [{ what: "allGood", side: "nobody" }];
}

function ofNetwork({ server, udp, tcp, relay, flow }: Trials): readonly Concluded[] {
  if (server.state === "failed") {
    const isSilent = server.code === undefined || server.code === "signalingUnreachable";
    return [isSilent ? { what: "serverSilent", side: "unclear" } : { what: "serverRefuses", side: "server" }];
  }
  if (!passed(udp) && !passed(tcp) && !passed(relay)) return [{ what: "noWay", side: "unclear" }];
  const narrow: readonly Concluded[] = flowing(flow).verdict === "good" ? [] : [{ what: "narrow", side: "network" }];
  if (passed(udp)) return narrow;
  return [{ what: passed(tcp) ? "noUdp" : "onlyRelay", side: "network" }, ...narrow];
}

function ofDevices({ own, tone }: CheckupPage): readonly Concluded[] {
  const hasProblem = (it: OwnDevice): boolean => it.state === "off" && it.problem !== null;
  const isGood = !hasProblem(own.mic) && !hasProblem(own.cam) && tone !== "unheard";
  return isGood ? [] : [{ what: "devices", side: "device" }];
}

/** Returns all of it as plain text in English, without a name or an address. */
export function checkupReport(page: CheckupPage): string {
  const end = conclusions(page);
  const line = ({ step, verdict, says, roundTripMs, bitrate, loss }: Finding): string => {
    const words = says === null ? "" : ` ${"code" in says ? says.code : says.saying}`;
    const numbers = Object.entries({ roundTripMs, bitrate, loss }).filter(([, value]) => value !== undefined);
    return `${step}: ${verdict}${words}${numbers.map(([name, value]) => ` ${name}=${value}`).join("")}`;
  };
  return [
    "Allo: check of devices and network",
    ...findings(page).map(line),
    ...(end.length === 0 ? ["not finished"] : end.map(({ what, side }) => `conclusion: ${what}, side: ${side}`)),
    "",
  ].join("\n");
}

const passed = ({ state }: Trial | Flow): boolean => state === "passed";

type Found = Omit<Finding, "step">;

const say = (verdict: Verdict, saying: Saying): Found => ({ verdict, says: { saying } });

function device(own: OwnDevice, on: Saying): Found {
  if (own.state === "on") return say(on === "micSilent" ? "fair" : "good", on);
  if (own.state === "opening") return { verdict: "running", says: null };
  return own.problem === null ? { verdict: "waiting", says: null } : { verdict: "bad", says: { code: own.problem } };
}

function speaker(tone: CheckupPage["tone"]): Found {
  if (tone === "heard") return say("good", "toneHeard");
  return tone === "unheard" ? say("bad", "toneUnheard") : say("waiting", "toneAsked");
}

function way(trial: Trial, good: Saying, bad: Saying, verdict: Verdict): Found {
  switch (trial.state) {
    case "waiting":
    case "running":
      return { verdict: trial.state, says: null };
    case "absent":
      return say("waiting", bad);
    case "passed":
      return { ...say("good", good), ...(trial.roundTripMs !== undefined && { roundTripMs: trial.roundTripMs }) };
    case "failed": {
      const isOwnWord = trial.code === undefined || trial.code === "signalingUnreachable";
      return isOwnWord ? say(verdict, bad) : { verdict: "bad", says: { code: trial.code } };
    }
  }
}

/** The last resort need not work where something better does. */
function relayed(trial: Trial, isSpare: boolean): Found {
  if (trial.state === "absent") return say(isSpare ? "good" : "fair", "relayAbsent");
  if (trial.state === "failed" && isSpare) return say("good", "relayUnneeded");
  return way(trial, "relayPasses", "relayBlocked", "bad");
}

function flowing(flow: Trial | Flow): Found {
  if (!("bitrate" in flow)) return way(flow, "flowNone", "flowNone", "bad");
  const { bitrate, loss } = flow;
  const isBad = bitrate < LITTLE_BITS || loss > MUCH_LOSS;
  const isFair = bitrate < ENOUGH_BITS || loss > SOME_LOSS;
  return {
    ...(isBad ? say("bad", "flowBad") : isFair ? say("fair", "flowFair") : say("good", "flowGood")),
    bitrate,
    loss,
  };
}
