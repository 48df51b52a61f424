import { describe, expect, test } from "vitest";
import { CHECKUP, NO_TRIALS, type Trial, type Trials } from "./checkup";
import { checkupReport, conclusions, findings, type Step } from "./findings";
import type { CheckupPage } from "./model";
import { after, opened, pageOf } from "./testing/example";

const passed: Trial = { state: "passed", roundTripMs: 20 };
const failed: Trial = { state: "failed" };
const WELL: Trials = {
  server: { state: "passed" },
  udp: passed,
  tcp: passed,
  relay: passed,
  flow: { state: "passed", bitrate: 2_000_000, loss: 0 },
};
const done = (trials: Partial<Trials> = {}, page: Partial<CheckupPage> = {}): CheckupPage => ({
  ...CHECKUP,
  own: { mic: { state: "on" }, cam: { state: "on" } },
  loudest: 0.4,
  phase: "done",
  trials: { ...WELL, ...trials },
  ...page,
});
const of = (page: CheckupPage, step: Step) => findings(page).find((it) => it.step === step);
const NO_MIC = { own: { mic: { state: "off", problem: "deviceDenied" }, cam: { state: "on" } } } as const;
const NOTHING = { udp: failed, tcp: failed, relay: failed, flow: failed };

describe("what it comes to", () => {
  test.each<[string, CheckupPage, string, string]>([
    ["when everything gets through", done(), "allGood", "nobody"],
    ["when the relay alone does not", done({ relay: failed }), "allGood", "nobody"],
    ["without UDP", done({ udp: failed }), "noUdp", "network"],
    ["with nothing but the relay", done({ udp: failed, tcp: failed }), "onlyRelay", "network"],
    ["with no way at all", done(NOTHING), "noWay", "unclear"],
    ["with a microphone that is refused", done({}, NO_MIC), "devices", "device"],
    ["with a tone that is not heard", done({}, { tone: "unheard" }), "devices", "device"],
    ["when little gets through", done({ flow: { state: "passed", bitrate: 100_000, loss: 0 } }), "narrow", "network"],
    ["when much is lost", done({ flow: { state: "passed", bitrate: 2_000_000, loss: 0.1 } }), "narrow", "network"],
    ["when no picture comes back", done({ flow: failed }), "narrow", "network"],
    ["without an answer", done({ ...NO_TRIALS, server: failed }), "serverSilent", "unclear"],
    [
      "when the server lets only some open rooms",
      done({ ...NO_TRIALS, server: { state: "failed", code: "mayNotOpen" } }),
      "serverRefuses",
      "server",
    ],
  ])("%s", (_, page, what, side) => {
    expect(conclusions(page)).toEqual([{ what, side }]);
  });

  test("tells of the network and of the devices", () => {
    const both = conclusions(done({ udp: failed }, NO_MIC));
    expect(both.map(({ side }) => side)).toEqual(["network", "device"]);
  });

  test("is not said before the end", () => {
    expect(conclusions(done({}, { phase: "running" }))).toEqual([]);
  });
});

describe("a step", () => {
  test("says nothing before it was tried", () => {
    expect(findings(CHECKUP).map(({ step, verdict }) => `${step} ${verdict}`)).toEqual([
      "cam waiting",
      "mic waiting",
      "speaker waiting",
      "server waiting",
      "udp waiting",
      "tcp waiting",
      "relay waiting",
      "flow waiting",
    ]);
  });

  test("is no problem while something better works", () => {
    expect(of(done({ tcp: failed }), "tcp")?.verdict).toBe("fair");
    expect(of(done({ relay: failed }), "relay")).toMatchObject({ verdict: "good", says: { saying: "relayUnneeded" } });
    expect(of(done({ ...NOTHING }), "relay")).toMatchObject({ verdict: "bad", says: { saying: "relayBlocked" } });
  });

  test("says why a device is refused, and whether a microphone gives sound", () => {
    expect(of(done({}, NO_MIC), "mic")).toMatchObject({ verdict: "bad", says: { code: "deviceDenied" } });
    expect(of(done({}, { loudest: 0 }), "mic")).toMatchObject({ verdict: "fair", says: { saying: "micSilent" } });
    expect(of(done(), "mic")).toMatchObject({ verdict: "good", says: { saying: "micHeard" } });
  });
});

test("the check opens the devices and the network, once at a time", () => {
  const page = opened("/diagnostics");
  expect(pageOf(page, "checkup").phase).toBe("ready");
  const [running, effects] = after(page, { type: "clickedCheckup" });
  expect(effects.map(({ type }) => type)).toEqual(["setMic", "setCam", "startCheckup"]);
  expect(after(running, { type: "clickedCheckup" })[1]).toEqual([]);
  const [ended] = after(running, { type: "trialsFound", trials: WELL }, { type: "checkupEnded" });
  expect(conclusions(pageOf(ended, "checkup"))).toMatchObject([{ what: "allGood" }]);
  const [again] = after(ended, { type: "clickedCheckup" });
  expect(pageOf(again, "checkup").trials).toEqual(NO_TRIALS);
});

test("leaving the page ends what it began", () => {
  const [, effects] = after(opened("/diagnostics/"), { type: "clickedCheckup" }, { type: "clickedHome" });
  expect(effects).toContainEqual({ type: "closeClient" });
});

test("the report says what was found and nothing about who it was", () => {
  const report = checkupReport(done({ udp: failed }));
  expect(report.split("\n")).toEqual([
    "Allo: check of devices and network",
    "cam: good camOn",
    "mic: good micHeard",
    "speaker: waiting toneAsked",
    "server: good serverAnswers",
    "udp: fair udpBlocked",
    "tcp: good tcpPasses roundTripMs=20",
    "relay: good relayPasses roundTripMs=20",
    "flow: good flowGood bitrate=2000000 loss=0",
    "conclusion: noUdp, side: network",
    "",
  ]);
});
