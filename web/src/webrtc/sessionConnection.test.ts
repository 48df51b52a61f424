import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { MediaTrack } from "../protocol/messages";
import { sessionConnection } from "./sessionConnection";
import { fakeBrowser, FakePeerConnection, FakeTrack, realBrowser } from "./testing";

beforeEach(fakeBrowser);
afterEach(() => {
  vi.unstubAllGlobals();
  realBrowser();
});

const settled = () => vi.advanceTimersByTimeAsync(0);
const track = (kind: "audio" | "video") => new FakeTrack(kind, "own") as unknown as MediaStreamTrack;

/** A session whose first offer was made. */
async function offered(iceServers: () => readonly RTCIceServer[] = () => []) {
  const offers: { readonly sdp: string; readonly tracks: readonly MediaTrack[] }[] = [];
  let renewals = 0;
  const session = sessionConnection({
    iceServers,
    slots: { audio: 3, video: 6 },
    stream: new MediaStream(),
    tracks: { mic: track("audio"), cam: null, screen: null, screenAudio: null },
    on: { offer: (sdp, tracks) => offers.push({ sdp, tracks }), renewWanted: () => (renewals += 1) },
  });
  await settled();
  const connection = FakePeerConnection.made.at(-1)!;
  const line = (mid: string) => connection.lines.find((it) => it.mid === mid)!;
  return { ...session, offers, connection, line, renewals: () => renewals };
}

test("one offer has all lines: two that send, with or without a track, and the slots", async () => {
  const { offers, connection } = await offered();
  expect(offers).toEqual([
    {
      sdp: "offer 1 of 11 lines",
      tracks: [
        { mid: "0", source: "mic" },
        { mid: "1", source: "cam" },
      ],
    },
  ]);
  expect(connection.lines.map(({ direction }) => direction)).toEqual([
    ...Array<string>(2).fill("sendonly"),
    ...Array<string>(9).fill("recvonly"),
  ]);
});

test("nothing is encoded before somebody receives it, and no more than that", async () => {
  const { line, demand } = await offered();
  expect([line("0").active, line("1").active]).toEqual([[false], [false, false, false]]);
  demand([
    { mid: "0", layers: 1 },
    { mid: "1", layers: 2 },
  ]);
  await settled();
  expect([line("0").active, line("1").active]).toEqual([[true], [true, true, false]]);
  demand([]);
  await settled();
  expect([line("0").active, line("1").active]).toEqual([[false], [false, false, false]]);
});

test("demands in quick succession end with the last", async () => {
  const { line, demand } = await offered();
  for (const layers of [1, 3, 2]) demand([{ mid: "1", layers }]);
  await settled();
  expect(line("1").active).toEqual([true, true, false]);
});

test("a device is turned on and off without an offer", async () => {
  const { put, line, offers, answer } = await offered();
  answer("answer");
  const cam = track("video");
  put("cam", cam);
  put("mic", null);
  await settled();
  expect([line("0").sender.track, line("1").sender.track]).toEqual([null, cam]);
  expect(offers).toHaveLength(1);
});

test("a screen makes a line at its first use, and uses it again", async () => {
  const { put, offers, answer, connection } = await offered();
  answer("first");
  await settled();
  put("screen", track("video"));
  await settled();
  expect(offers).toHaveLength(2);
  expect(offers[1]?.tracks.at(-1)).toEqual({ mid: "11", source: "screen" });
  answer("second");
  put("screen", null);
  put("screen", track("video"));
  await settled();
  expect(offers).toHaveLength(2);
  expect(connection.lines).toHaveLength(12);
});

test("a film gets more pictures a second than text, as soon as it is said to be one", async () => {
  const { put, line, answer } = await offered();
  answer("first");
  await settled();
  const screen = Object.assign(new FakeTrack("video", "own"), { contentHint: "detail" });
  const rates = [];
  for (const content of ["detail", "motion", "detail"]) {
    screen.contentHint = content;
    put("screen", screen as unknown as MediaStreamTrack);
    await settled();
    rates.push(line("11").sender.encodings.map(({ maxFramerate }) => maxFramerate));
  }
  expect(rates).toEqual([
    [undefined, undefined],
    [15, 30],
    [5, 15],
  ]);
});

test("a browser that encodes screens in one layer sends the large one", async () => {
  vi.stubGlobal("MediaStreamTrack", class {});
  const { put, line, answer, demand } = await offered();
  answer("first");
  await settled();
  put("screen", track("video"));
  await settled();
  demand([{ mid: "11", layers: 1 }]);
  await settled();
  const { encodings } = line("11").sender;
  expect(encodings).toEqual([{ scaleResolutionDownBy: 1, maxBitrate: 2_500_000, maxFramerate: 15, active: true }]);
});

test("an offer that was not answered is said again; one that was is not", async () => {
  const { offers, resync, answer } = await offered();
  resync();
  await settled();
  expect(offers[1]).toEqual(offers[0]);
  answer("answer");
  resync();
  await settled();
  expect(offers).toHaveLength(2);
});

test("a second answer to the same offer changes nothing", async () => {
  const { answer, connection } = await offered();
  const apply = vi.spyOn(connection, "setRemoteDescription");
  answer("answer");
  answer("answer");
  await settled();
  expect(apply).toHaveBeenCalledTimes(1);
});

test("a session that fails is mended by ICE first, and replaced if that does not help", async () => {
  const { offers, connection, answer, renewals } = await offered();
  answer("answer");
  await settled();
  connection.enter("connected");
  connection.enter("failed");
  await settled();
  expect(offers).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(renewals()).toBeGreaterThan(0);
});

test("a restart of ICE takes the credentials that a relay has by then", async () => {
  const relay = (credential: string): RTCIceServer => ({ urls: "turns:allo.example", username: "ada", credential });
  let now = relay("old");
  const { connection, answer, offers } = await offered(() => [now]);
  answer("answer");
  await settled();
  connection.enter("connected");
  now = relay("renewed");
  connection.enter("failed");
  await settled();
  expect(offers).toHaveLength(2);
  expect(connection.configuration).toMatchObject({ iceServers: [relay("renewed")] });
});

test("a server that refuses to be understood is given another session", async () => {
  const { connection, answer, renewals } = await offered();
  vi.spyOn(connection, "setRemoteDescription").mockRejectedValue(new DOMException("no", "OperationError"));
  answer("answer");
  await vi.advanceTimersByTimeAsync(5_000);
  expect(renewals()).toBeGreaterThan(0);
});
