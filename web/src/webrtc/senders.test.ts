import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { senders } from "./senders";
import { fakeBrowser, FakePeerConnection, FakeTrack, realBrowser } from "./testing";

beforeEach(fakeBrowser);
afterEach(realBrowser);

/** A link whose browser has one encoding for each line once both ends agree, as Firefox does. */
function opened() {
  const connection = new FakePeerConnection();
  const sending = senders({
    connection: connection as unknown as RTCPeerConnection,
    mayOffer: true,
    stream: new MediaStream(),
    log: () => {},
  });
  sending.open();
  return {
    sending,
    agree: () => {
      for (const { sender } of connection.lines)
        if (sender.encodings.length === 0) sender.encodings = [{ active: true }];
      sending.refresh();
    },
    /** What is sent on each line, when all has been set. */
    encodings: async () => {
      await vi.advanceTimersByTimeAsync(0);
      return connection.lines.map(({ sender }) => sender.encodings[0]);
    },
  };
}

const track = (kind: "audio" | "video", height?: number): MediaStreamTrack =>
  Object.assign(new FakeTrack(kind, kind), { getSettings: () => ({ height }) }) as unknown as MediaStreamTrack;

test("a limit that is known before both ends agree holds from then on", async () => {
  const { sending, agree, encodings } = opened();
  sending.put("cam", track("video", 720));
  sending.limitVideo(1_500_000);
  sending.limitPictures({ cam: 180 });
  expect(await encodings()).toEqual([undefined, undefined]);
  agree();
  expect((await encodings())[1]).toEqual({ active: true, scaleResolutionDownBy: 4, maxBitrate: 150_260 });
});

test("another camera is limited by its own height", async () => {
  const { sending, agree, encodings } = opened();
  agree();
  sending.limitPictures({ cam: 180 });
  sending.put("cam", track("video", 360));
  expect((await encodings())[1]).toMatchObject({ active: true, scaleResolutionDownBy: 2 });
});

test("no pictures are sent to who wants none, and sound is", async () => {
  const { sending, agree, encodings } = opened();
  sending.put("mic", track("audio"));
  sending.put("cam", track("video", 720));
  sending.add(track("video", 1080));
  agree();
  sending.limitPictures({ cam: 0, screen: 0 });
  expect((await encodings()).map((it) => it?.active)).toEqual([true, false, false]);
  sending.limitPictures({ screen: 720 });
  expect(await encodings()).toMatchObject([{}, { active: true }, { active: true, scaleResolutionDownBy: 1.5 }]);
});

test("limits that come while another is being set are set after it", async () => {
  const { sending, agree, encodings } = opened();
  sending.put("cam", track("video", 720));
  agree();
  for (const cam of [0, 360, 180]) sending.limitPictures({ cam });
  expect((await encodings())[1]).toMatchObject({ active: true, scaleResolutionDownBy: 4 });
});
