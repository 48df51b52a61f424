import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Participant, Source } from "../protocol/messages";
import { remote, type Situation } from "./remote";
import type { FilledSlot } from "./sessions";
import { fakeBrowser, FakeTrack, realBrowser } from "./testing";

beforeEach(fakeBrowser);
afterEach(realBrowser);

const ada: Participant = { id: "ada", displayName: "Ada", mic: true, cam: true, screen: false, connection: "online" };

/** One peer whose two ways the test controls. Time goes on by a look at a time. */
function meeting() {
  const streams: string[][] = [];
  const peer = remote((stream, kind) => streams.push([kind, ...stream.getTracks().map(({ id }) => id)]));
  const counts = { link: 0, session: 0 };
  let situation: Situation = {
    participant: ada,
    topology: "mesh",
    hasSession: true,
    sessionState: "connected",
    link: undefined,
    slot: () => undefined,
    isWatched: true,
    takes: { cam: true, screen: true },
  };
  peer.settle(situation);

  return {
    counts,
    shown: peer.shown,
    /** The track ids in the stream of the person. */
    playing: () =>
      peer.streams
        .of("cam")
        .getTracks()
        .map(({ id }) => id),
    change(changes: Partial<Situation>) {
      situation = { ...situation, ...changes };
      return peer.settle(situation);
    },
    /** Looks often enough to believe what is seen. */
    async lookOn(arrives: { readonly link?: boolean; readonly session?: boolean }) {
      for (let look = 0; look < 4; look += 1) await this.look(arrives);
      return this.look(arrives);
    },
    /** `link` and `session`: whether something arrives by it meanwhile. */
    async look(arrives: { readonly link?: boolean; readonly session?: boolean } = {}) {
      counts.link += arrives.link ? 10 : 0;
      counts.session += arrives.session ? 10 : 0;
      vi.advanceTimersByTime(100);
      await peer.look(situation);
      return peer.settle(situation);
    },
    isUnsettled: () => peer.isUnsettled(situation),
    link: (number: number): Situation["link"] => ({
      number,
      state: "connected",
      tracks: [track("audio", `link${number}Mic`), track("video", `link${number}Cam`)],
      expected: { mic: true, cam: true },
      heard: () => Promise.resolve({ mic: counts.link, cam: counts.link }),
      stats: () => Promise.reject(new Error("not asked for here")),
    }),
    slots: (paused = false): Situation["slot"] => {
      const filled = new Map<Source, FilledSlot>();
      for (const [source, kind] of [["mic", "audio"] as const, ["cam", "video"] as const]) {
        const entry = { type: "inbound-rtp", kind };
        const getStats = () =>
          Promise.resolve([{ ...entry, packetsReceived: counts.session, framesDecoded: counts.session }]);
        const receiver = { track: track(kind, `slot${source}`), getStats } as unknown as RTCRtpReceiver;
        filled.set(source, { mid: source, participant: "ada", source, paused, receiver });
      }
      return (source) => filled.get(source);
    },
  };
}

function track(kind: "audio" | "video", id: string): MediaStreamTrack {
  return Object.assign(new FakeTrack(kind, id), { id }) as unknown as MediaStreamTrack;
}

/** Both ways stand, and the link is shown. */
async function direct() {
  const it = meeting();
  it.change({ link: it.link(1) });
  await it.lookOn({ link: true });
  return it;
}

/** The room has changed over to the server, and the link is gone. */
async function throughServer() {
  const it = await direct();
  it.change({ topology: "sfu", slot: it.slots() });
  await it.lookOn({ link: true, session: true });
  it.change({ link: undefined });
  return it;
}

test("a link is shown from its beginning, and nothing is asked of the server", async () => {
  const it = meeting();
  expect(it.change({ link: it.link(1) })).toMatchObject({ shown: "link", subscribes: false });
  expect(it.playing()).toEqual(["link1Mic", "link1Cam"]);
});

test("going over to the server, the link is shown until all arrives there, and then dropped", async () => {
  const it = await direct();
  expect(it.change({ topology: "sfu", slot: it.slots() })).toMatchObject({ subscribes: true, dropsLink: false });
  expect(await it.look({ link: true })).toMatchObject({ shown: "link", dropsLink: false });
  expect(it.playing()).toEqual(["link1Mic", "link1Cam"]);
  expect(await it.lookOn({ link: true, session: true })).toMatchObject({ shown: "session", dropsLink: false });
  expect(it.playing()).toEqual(["slotmic", "slotcam"]);
  for (let look = 0; look < 6; look += 1) await it.lookOn({ link: true, session: true });
  expect(await it.look({ link: true, session: true })).toMatchObject({ shown: "session", dropsLink: true });
});

test("a picture that the server leaves out right after the change is shown by the link again, at once", async () => {
  const it = await direct();
  it.change({ topology: "sfu", slot: it.slots() });
  await it.lookOn({ link: true, session: true });
  expect(it.shown()).toBe("session");
  expect(it.change({ slot: it.slots(true) })).toMatchObject({ shown: "link", dropsLink: false });
  expect(it.playing()).toEqual(["link1Mic", "link1Cam"]);
});

test("coming back, the session is shown until the new link delivers, whatever the one before did", async () => {
  const it = await throughServer();
  expect(it.playing()).toEqual(["slotmic", "slotcam"]);
  expect(it.change({ topology: "mesh" })).toMatchObject({ shown: "session", subscribes: true });
  expect(it.change({ link: it.link(2) })).toMatchObject({ shown: "session", subscribes: true });
  expect(await it.lookOn({ session: true })).toMatchObject({ shown: "session", subscribes: true });
  expect(await it.lookOn({ link: true, session: true })).toMatchObject({ shown: "link", subscribes: false });
  expect(it.playing()).toEqual(["link2Mic", "link2Cam"]);
});

test("where no pictures are to come, nothing waits for one", async () => {
  const it = await direct();
  it.change({ takes: { cam: false, screen: false } });
  expect(it.playing()).toEqual(["link1Mic"]);
  it.change({ takes: { cam: true, screen: true } });
  expect(it.playing()).toEqual(["link1Mic", "link1Cam"]);
});

test("a link that is to bring no pictures is whole without", async () => {
  const it = meeting();
  const link = it.link(1)!;
  it.change({
    link: { ...link, expected: { mic: true, cam: false }, heard: async () => ({ mic: it.counts.link, cam: 0 }) },
  });
  for (let look = 0; look < 40; look += 1) expect(await it.look({ link: true })).toMatchObject({ subscribes: false });
  expect(it.isUnsettled()).toBe(false);
});

test("a link that brings nothing for three seconds is helped out", async () => {
  const it = meeting();
  it.change({ link: it.link(1) });
  for (let look = 0; look < 30; look += 1) expect(await it.look()).toMatchObject({ subscribes: false });
  expect(await it.look()).toMatchObject({ shown: "link", subscribes: true });
  it.change({ slot: it.slots() });
  expect(await it.lookOn({ session: true })).toMatchObject({ shown: "session", subscribes: true });
});

test("a picture that the server leaves out for now does not replace one that moves, unless it stays so", async () => {
  const it = await direct();
  it.change({ topology: "sfu", slot: it.slots(true), participant: { ...ada, mic: false } });
  for (let look = 0; look < 49; look += 1) expect(await it.look({ link: true })).toMatchObject({ shown: "link" });
  await it.lookOn({ link: true });
  expect(it.shown()).toBe("session");
});

test("a picture that nobody looks at is not waited for", async () => {
  const it = await direct();
  it.change({ topology: "sfu", isWatched: false, participant: { ...ada, mic: false } });
  expect(await it.lookOn({ link: true })).toMatchObject({ shown: "session" });
});

test("a voice that is not among the loudest is not waited for in vain", async () => {
  const it = await direct();
  it.change({ topology: "sfu", participant: { ...ada, cam: false } });
  for (let look = 0; look < 14; look += 1) expect(await it.look({ link: true })).toMatchObject({ shown: "link" });
  await it.lookOn({ link: true });
  expect(it.shown()).toBe("session");
});

test("without a camera that is on there is no picture's track", async () => {
  const it = await direct();
  it.change({ participant: { ...ada, cam: false } });
  expect(it.playing()).toEqual(["link1Mic"]);
});

test("all is settled when everything goes the way that it should", async () => {
  expect((await direct()).isUnsettled()).toBe(false);
  const it = await throughServer();
  expect(it.isUnsettled()).toBe(false);
  it.change({ topology: "mesh", link: it.link(2) });
  expect(it.isUnsettled()).toBe(true);
});

test("nothing is shown or played of what somebody may not send", () => {
  const peer = meeting();
  const mayPublish = { mic: false, cam: true, screen: true };
  peer.change({ link: peer.link(1), participant: { ...ada, mayPublish } });
  expect(peer.playing()).toHaveLength(1);
  peer.change({ participant: { ...ada, mayPublish: { ...mayPublish, cam: false } } });
  expect(peer.playing()).toEqual([]);
});
