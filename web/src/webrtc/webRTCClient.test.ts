import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Participant, ServerMessage } from "../protocol/messages";
import { pictureBitrate } from "./links";
import { fakeBrowser, FakePeerConnection, FakeWebSocket, realBrowser, WELCOME } from "./testing";
import { signalingUrl, webRTCClient } from "./webRTCClient";

beforeEach(fakeBrowser);
afterEach(realBrowser);

const KEY = "00112233445566778899aabbccddeeff";
const person = (id: string): Participant => ({
  id,
  displayName: id,
  mic: false,
  cam: false,
  screen: false,
  connection: "online",
});
const snapshot = (version: number, you: string, ...others: string[]): ServerMessage => ({
  type: "snapshot",
  version,
  room: "family",
  you,
  participants: [...others, you].map(person),
  topology: "mesh",
  topologyChoice: "auto",
  resumed: false,
});

/** The same to somebody whom the server still knows. */
const known = (it: ServerMessage): ServerMessage => ({ ...it, resumed: true }) as ServerMessage;

/** A client that has asked to join. What it tells its owner is written down as short words. */
function joining() {
  const told: string[] = [];
  const client = webRTCClient({
    url: "wss://allo.example/ws",
    on: {
      signaling: ({ state }) => told.push(state),
      participants: (_, participants) => told.push(participants.map(({ id }) => id).join("+")),
      error: ({ code, fatal }) => told.push(fatal ? `${code}!` : code),
    },
  });
  const joined = client.join({ room: "family", displayName: "Ada", participantKey: KEY });
  // A refusal is looked at by the tests that expect one.
  joined.catch(() => {});
  FakeWebSocket.last().accept().hear(WELCOME);
  return { client, told, joined };
}

function joined() {
  const it = joining();
  FakeWebSocket.last().hear(snapshot(4, "ada"));
  it.told.length = 0;
  return it;
}

/** The connection is lost, and the next one stands. */
function reconnect(): FakeWebSocket {
  FakeWebSocket.last().drop();
  vi.advanceTimersByTime(500);
  return FakeWebSocket.last().accept().hear(WELCOME);
}

const said = (type: string) => FakeWebSocket.last().said.filter((it) => it.type === type);

test("joining ends with the first snapshot", async () => {
  const { told, joined } = joining();
  expect(said("join")).toMatchObject([
    { room: "family", displayName: "Ada", participantKey: KEY, mic: false, cam: false },
  ]);
  FakeWebSocket.last().hear(snapshot(4, "ada", "grace"));
  await expect(joined).resolves.toBe("ada");
  expect(told).toEqual(["connecting", "open", "grace+ada"]);
});

test.each(["roomFull", "badRoomName", "badDisplayName", "tooManyRooms"] as const)(
  "%s refuses the join",
  async (code) => {
    const { joined, told } = joining();
    FakeWebSocket.last().hear({ type: "error", code, text: "No.", fatal: false });
    await expect(joined).rejects.toMatchObject({ code, fatal: true });
    expect(told).toEqual(["connecting", "open", "closed", `${code}!`]);
    vi.advanceTimersByTime(60_000);
    expect(FakeWebSocket.opened).toHaveLength(1);
  },
);

test("a bad name in the call is no reason to end it", () => {
  const { told, client } = joined();
  client.setDisplayName("\u200b");
  FakeWebSocket.last().hear({ type: "error", code: "badDisplayName", text: "Nothing is left.", fatal: false });
  expect(told).toEqual(["badDisplayName"]);
});

test("a gap asks for a snapshot, once", () => {
  const { told } = joined();
  FakeWebSocket.last()
    .hear({ type: "participantLeft", version: 6, participant: "grace", reason: "left" })
    .hear({ type: "participantLeft", version: 7, participant: "alan", reason: "left" });
  expect(said("requestSnapshot")).toHaveLength(1);
  expect(told).toEqual([]);
  FakeWebSocket.last().hear(snapshot(7, "ada", "kay"));
  FakeWebSocket.last().hear({ type: "participantLeft", version: 9, participant: "kay", reason: "left" });
  expect(said("requestSnapshot")).toHaveLength(2);
});

test("a lost connection is replaced, as the same participant and the same instance", () => {
  const { told } = joined();
  const [before] = said("join");
  const server = reconnect();
  expect(said("join")).toEqual([{ ...before, attempt: expect.any(Number) }]);
  server.hear(snapshot(9, "ada", "grace"));
  expect(told).toEqual(["reconnecting", "open", "grace+ada"]);
});

test("nothing is said between the welcome and the snapshot but the join", () => {
  const { client } = joined();
  reconnect();
  client.setDisplayName("Ada L.");
  expect(FakeWebSocket.last().types()).toEqual(["hello", "join"]);
});

test("a name given while away is the name to come back with", () => {
  const { client } = joined();
  FakeWebSocket.last().drop();
  client.setDisplayName("Ada L.");
  vi.advanceTimersByTime(500);
  FakeWebSocket.last().accept().hear(WELCOME);
  expect(said("join")).toMatchObject([{ displayName: "Ada L." }]);
});

test("those who were there before a restart of the server are awaited in their places, and not for ever", () => {
  const { client, told } = joined();
  FakeWebSocket.last()
    .hear({ type: "participantJoined", version: 5, participant: person("grace") })
    .hear({ type: "participantJoined", version: 6, participant: person("alan") });
  told.length = 0;
  reconnect().hear(snapshot(1, "ada"));
  FakeWebSocket.last().hear({ type: "participantJoined", version: 2, participant: person("grace") });
  expect(told).toEqual(["reconnecting", "open", "ada+grace+alan", "ada+grace+alan"]);
  told.length = 0;
  for (let second = 0; second < 10; second += 1) {
    vi.advanceTimersByTime(1_000);
    FakeWebSocket.last().hear({ type: "ping" });
  }
  expect(told).toEqual(["ada+grace"]);
  client.leave();
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual(["ada+grace", "closed"]);
});

test("who has left while one was away is not awaited by a server that still knows one", () => {
  const { told } = joined();
  FakeWebSocket.last().hear({ type: "participantJoined", version: 5, participant: person("grace") });
  told.length = 0;
  reconnect().hear(known(snapshot(6, "ada")));
  expect(told).toEqual(["reconnecting", "open", "ada"]);
});

test("a server that has lost its data makes one a new participant, whose snapshot replaces everything", () => {
  const { told } = joined();
  reconnect().hear(snapshot(1, "newAda"));
  FakeWebSocket.last().hear({ type: "participantJoined", version: 2, participant: person("newGrace") });
  expect(told).toEqual(["reconnecting", "open", "newAda", "newAda+newGrace"]);
});

test("being superseded ends the call for good", () => {
  const { told } = joined();
  FakeWebSocket.last().hear({ type: "error", code: "superseded", text: "Elsewhere.", fatal: true });
  FakeWebSocket.last().drop(4409);
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual(["closed", "superseded!"]);
  expect(FakeWebSocket.opened).toHaveLength(1);
});

test("the close code alone ends the call, too", () => {
  const { told } = joined();
  FakeWebSocket.last().drop(4409);
  expect(told).toEqual(["closed", "superseded!"]);
});

test("a server that stops is met again", () => {
  const { told } = joined();
  FakeWebSocket.last().hear({ type: "error", code: "serverStopping", text: "Back soon.", fatal: true });
  reconnect();
  expect(told).toEqual(["reconnecting", "open"]);
});

test("a server out of reach is said to be so once, and tried on", () => {
  const { told } = joined();
  for (let attempt = 1; attempt <= 10; attempt += 1) {
    FakeWebSocket.last().drop();
    vi.advanceTimersByTime(5_000);
  }
  expect(told.filter((it) => it === "signalingUnreachable")).toHaveLength(1);
  expect(FakeWebSocket.opened).toHaveLength(11);
});

test("a malformed message is told, and the call goes on", () => {
  const { told } = joined();
  FakeWebSocket.last().hear('{"type":"snapshot"}');
  expect(told).toEqual(["badServerMessage"]);
});

test("leaving says so, and ends it without an error", () => {
  const { client, told } = joined();
  client.leave();
  expect(said("leave")).toHaveLength(1);
  expect(told).toEqual(["closed"]);
});

test("who leaves before the room was entered is not left waiting", async () => {
  const { client, joined } = joining();
  client.leave();
  await expect(joined).rejects.toMatchObject({ fatal: true });
});

/** A server that carries media, in a room that does not forbid it. */
async function joinedWithMediaPlane(topologyChoice: "auto" | "mesh" = "auto") {
  const client = webRTCClient({ url: "wss://allo.example/ws" });
  client.join({ room: "family", displayName: "Ada", participantKey: KEY }).catch(() => {});
  FakeWebSocket.last()
    .accept()
    .hear({ ...WELCOME, features: { mesh: true, sfu: true } })
    .hear({ ...snapshot(4, "ada", "grace"), topologyChoice } as ServerMessage);
  await vi.advanceTimersByTimeAsync(0);
  return client;
}

test("a session is offered beforehand, with a subscription to nothing said first", async () => {
  await joinedWithMediaPlane();
  const types = FakeWebSocket.last().types();
  expect(types.indexOf("subscribe")).toBeGreaterThan(-1);
  expect(types.indexOf("subscribe")).toBeLessThan(types.indexOf("mediaOffer"));
  expect(said("subscribe")).toEqual([{ type: "subscribe", tiles: [], audio: false }]);
});

test("a room that is direct by choice, or a server without a media plane, is offered none", async () => {
  await joinedWithMediaPlane("mesh");
  joined();
  await vi.advanceTimersByTimeAsync(0);
  expect(FakePeerConnection.made).toEqual([]);
});

test("when media go through the server, everybody is asked for, as high as the page shows them", async () => {
  const client = await joinedWithMediaPlane();
  FakeWebSocket.last().hear({ type: "topologyChanged", version: 5, topology: "sfu" });
  expect(said("subscribe").at(-1)).toMatchObject({ tiles: [{ participant: "grace", height: 360 }], audio: true });
  vi.advanceTimersByTime(1_000);
  client.setTiles([{ participant: "grace", source: "cam", height: 720 }]);
  expect(said("subscribe").at(-1)).toMatchObject({ tiles: [{ participant: "grace", height: 720 }], audio: true });
});

test("a screen is asked for even between two, and its owner's picture is not", async () => {
  await joinedWithMediaPlane();
  const grace = { ...person("grace"), cam: true, screen: true };
  vi.advanceTimersByTime(1_000);
  FakeWebSocket.last().hear({ type: "participantUpdated", version: 5, participant: grace });
  expect(said("subscribe").at(-1)).toMatchObject({ tiles: [{ participant: "grace", source: "screen" }] });
});

test("pictures through the server are asked for as the limits say, whether or not it was said which are shown", async () => {
  const client = await joinedWithMediaPlane();
  const asked = () => (vi.advanceTimersByTime(1_000), said("subscribe").at(-1));
  FakeWebSocket.last().hear({ type: "topologyChanged", version: 5, topology: "sfu" });
  client.limitPictures({ cam: 0, screen: 0 });
  expect(asked()).toMatchObject({ tiles: [], audio: true });
  client.setTiles([{ participant: "grace", source: "cam", height: 720 }]);
  expect(asked()).toMatchObject({ tiles: [] });
  client.limitPictures({ cam: 180 });
  expect(asked()).toMatchObject({ tiles: [{ participant: "grace", height: 180 }] });
  client.limitPictures({});
  expect(asked()).toMatchObject({ tiles: [{ participant: "grace", height: 720 }] });
});

test("a peer is told how high pictures are to be: of a new link when there is a limit, when that changes, and when it may have been lost", async () => {
  const client = await joinedWithMediaPlane();
  const greet = (link: number) => FakeWebSocket.last().hear({ type: "greet", peer: "grace", link, polite: true });
  greet(1);
  expect(said("pictureLimits")).toEqual([]);
  client.limitPictures({ cam: 180 });
  greet(1);
  greet(2);
  client.limitPictures({});
  expect(said("pictureLimits")).toMatchObject([
    { to: "grace", link: 1, limits: { cam: 180 } },
    { to: "grace", link: 1, limits: { cam: 180 } },
    { to: "grace", link: 2, limits: { cam: 180 } },
    { to: "grace", link: 2, limits: {} },
  ]);
});

test("a restarted server gets a session of its own", async () => {
  await joinedWithMediaPlane();
  FakeWebSocket.last().drop();
  vi.advanceTimersByTime(500);
  FakeWebSocket.last()
    .accept()
    .hear({ ...WELCOME, features: { mesh: true, sfu: true } })
    .hear(snapshot(1, "ada"));
  await vi.advanceTimersByTimeAsync(0);
  expect(FakePeerConnection.made.map(({ signalingState }) => signalingState)).toEqual(["closed", "have-local-offer"]);
  expect(said("mediaOffer")).toMatchObject([{ session: 2 }]);
});

test("a reconnection says the subscription and an unanswered offer again", async () => {
  await joinedWithMediaPlane();
  const before = said("mediaOffer");
  FakeWebSocket.last().drop();
  vi.advanceTimersByTime(500);
  FakeWebSocket.last()
    .accept()
    .hear({ ...WELCOME, features: { mesh: true, sfu: true } })
    .hear(known(snapshot(4, "ada", "grace")));
  await vi.advanceTimersByTimeAsync(0);
  expect(FakePeerConnection.made).toHaveLength(1);
  expect(said("mediaOffer")).toEqual(before);
  expect(said("subscribe")).toHaveLength(1);
});

test("links ask the server how they are seen from outside, and sessions have no use for that", async () => {
  webRTCClient({ url: "wss://allo.example:8443/ws" })
    .join({ room: "family", displayName: "Ada", participantKey: KEY })
    .catch(() => {});
  FakeWebSocket.last()
    .accept()
    .hear({ ...WELCOME, stunPort: 3478, features: { mesh: true, sfu: true } })
    .hear(snapshot(4, "ada", "grace"))
    .hear({ type: "greet", peer: "grace", link: 1, polite: true });
  await vi.advanceTimersByTimeAsync(0);
  const servers = FakePeerConnection.made.map(({ configuration }) => configuration.iceServers);
  expect(servers).toEqual([[], [{ urls: "stun:allo.example:3478" }]]);
});

test("the WebSocket is at the page's own host", () => {
  expect(signalingUrl({ protocol: "https:", host: "allo.example:8443" })).toBe("wss://allo.example:8443/ws");
  expect(signalingUrl({ protocol: "http:", host: "localhost:8443" })).toBe("ws://localhost:8443/ws");
});

test("the more peers, the less each picture may take", () => {
  expect([1, 2, 4, 7].map(pictureBitrate)).toEqual([1_500_000, 1_250_000, 625_000, 357_143]);
});

test("who waits to be admitted is in with the first snapshot", async () => {
  const told: string[] = [];
  const client = webRTCClient({ url: "wss://allo.example/ws", on: { waiting: () => told.push("waiting") } });
  const joining = client.join({ room: "family", displayName: "Ada", participantKey: KEY, password: "sesame" });
  FakeWebSocket.last().accept().hear(WELCOME).hear({ type: "waiting", room: "family" });
  expect(said("join")).toMatchObject([{ password: "sesame" }]);
  client.say({ type: "raiseHand" });
  expect(said("raiseHand")).toEqual([]);
  expect(told).toEqual(["waiting"]);
  FakeWebSocket.last().hear(snapshot(4, "ada"));
  await expect(joining).resolves.toBe("ada");
  client.say({ type: "raiseHand" });
  expect(said("raiseHand")).toHaveLength(1);
});

test.each(["denied", "removed", "banned", "meetingEnded"] as const)("%s ends the call for good", (code) => {
  const { told } = joined();
  FakeWebSocket.last().hear({ type: "error", code, text: "Out.", fatal: true }).drop(4403);
  expect(told).toEqual(["closed", `${code}!`]);
  vi.advanceTimersByTime(60_000);
  expect(FakeWebSocket.opened).toHaveLength(1);
});
