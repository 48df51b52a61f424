import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { peerConnection } from "./peerConnection";
import { fakeBrowser, FakePeerConnection, FakeTrack, realBrowser } from "./testing";

beforeEach(fakeBrowser);
afterEach(realBrowser);

const MEDIA_BYTES = 20_000;

/** A link that stands, both ways of which are the test's. */
async function linked(expected: { readonly mic: boolean; readonly cam: boolean }) {
  let doubts = 0;
  const link = peerConnection({
    negotiation: "perfect",
    polite: false,
    iceServers: [],
    stream: new MediaStream(),
    mic: new FakeTrack("audio", "own") as unknown as MediaStreamTrack,
    cam: null,
    expected: () => expected,
    // It looks at what comes out, and later.
    hearing: { looked: () => undefined },
    on: { signal() {}, doubtful: () => (doubts += 1) },
  });
  await vi.advanceTimersByTimeAsync(0);
  link.receive({ type: "sessionDescription", description: { type: "answer", sdp: "answer" } });
  await link.settled();
  const connection = FakePeerConnection.made.at(-1)!;
  const restart = vi.spyOn(connection, "restartIce");
  const pair = { type: "candidate-pair", bytesSent: 0, bytesReceived: 0 };
  let isCut = false;
  connection.getStats = async () => {
    pair.bytesSent += MEDIA_BYTES;
    if (!isCut) pair.bytesReceived += MEDIA_BYTES;
    return new Map([["pair", { ...pair }]]);
  };
  connection.enter("connected");
  await vi.dynamicImportSettled();
  await vi.advanceTimersByTimeAsync(6_000);
  return { link, restart, doubts: () => doubts, cut: () => (isCut = true) };
}

test("a link from which nothing comes any more is doubted, and mended before the browser says a word", async () => {
  const { link, restart, doubts, cut } = await linked({ mic: true, cam: false });
  expect([doubts(), restart.mock.calls.length]).toEqual([0, 0]);
  cut();
  await vi.advanceTimersByTimeAsync(1_500);
  expect([doubts(), restart.mock.calls.length]).toEqual([1, 1]);
  link.close();
});

test("a peer who sends nothing may be silent", async () => {
  const { link, restart, doubts, cut } = await linked({ mic: false, cam: false });
  cut();
  await vi.advanceTimersByTimeAsync(5_000);
  expect([doubts(), restart.mock.calls.length]).toEqual([0, 0]);
  link.close();
});
