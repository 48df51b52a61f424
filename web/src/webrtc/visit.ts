/** A short stay in a room of one's own, in which the ways to the server's media are tried one by one. Loaded by whom that is for. */

import type { ParticipantId, Relay, ServerMessage } from "../protocol/messages";
import { clientError } from "./errors";
import { random128 } from "./identity";
import { relayServers } from "./relayServers";
import type { LocalTracks } from "./senderLines";
import { sessionConnection, type SessionConnection, type SlotCounts } from "./sessionConnection";
import { signalingSocket } from "./signalingSocket";
import type { ClientError } from "./types";

export type TriedWay = "udp" | "tcp" | "relay";

export type Visit = {
  readonly self: ParticipantId;
  /** Whether the server has a relay, and where. */
  readonly hasRelay: () => boolean;
  /** Makes a session that can take this way alone, in place of the one before. Rejects if it does not stand in time. */
  readonly session: (way: TriedWay, options?: { tracks?: Partial<LocalTracks>; slots?: SlotCounts }) => Promise<Stood>;
  /** Asks for the picture of somebody in the same room. */
  readonly watch: (participant: ParticipantId) => void;
  readonly leave: () => void;
};

export type Stood = Pick<SessionConnection, "report">;

/** A WebSocket that was not answered by then is not going to be. Lower: a slow network is called none. */
const ENTER_MS = 12_000;
/** So long ICE and DTLS may take. Lower: a slow network is called none. Higher: who waits for a verdict waits for longer. */
const STAND_MS = 7_000;
/** The relay is said after the snapshot, and soon. Higher: who waits for a relay that is not there waits for longer. */
const RELAY_MS = 2_000;

const NO_TRACKS: LocalTracks = { mic: null, cam: null, screen: null, screenAudio: null };
const NO_SLOTS: SlotCounts = { audio: 0, video: 0 };

type Current = { readonly number: number; readonly way: TriedWay; readonly connection: SessionConnection };

/** Enters. Rejects with a `ClientError` if the server does not answer or does not let one in. */
export function visit(url: string, room: string): Promise<Visit> {
  return new Promise((resolve, reject: (error: ClientError) => void) => {
    let relay: Relay | undefined;
    let relayCame = (): void => {};
    const relayIsKnown = new Promise<void>((known) => (relayCame = known));
    let number = 0;
    let current: Current | undefined;
    let refuseSession = (): void => {};

    const refuse = (code: ClientError["code"]): void => {
      leave();
      reject(clientError(code, "The visit was refused.", { fatal: true }));
    };
    const deadline = setTimeout(() => refuse("signalingUnreachable"), ENTER_MS);

    const socket = signalingSocket({
      url,
      client: "allo-web",
      on: {
        state: (it) => it.state === "closed" && it.code !== "left" && refuse(it.code),
        welcome({ features }) {
          if (!features.sfu) return refuse("mediaUnavailable");
          socket.send({
            type: "join",
            room,
            displayName: "Test",
            participantKey: random128(),
            instance: random128(),
            attempt: 1,
            mic: false,
            cam: false,
            topology: "sfu",
          });
        },
        message: (message) => handle(message as ServerMessage),
      },
    });

    function handle(message: ServerMessage): void {
      switch (message.type) {
        case "snapshot":
          clearTimeout(deadline);
          setTimeout(relayCame, RELAY_MS);
          return resolve({
            self: message.you,
            hasRelay: () => relay !== undefined,
            session,
            watch: (participant) =>
              socket.send({ type: "subscribe", tiles: [{ participant, source: "cam", height: 720 }], audio: false }),
            leave,
          });
        case "waiting":
          return refuse("notAllowed");
        case "error":
          return refuse(message.code);
        case "relay":
          relay = message.relay;
          return relayCame();
        case "mediaAnswer":
          if (message.session !== current?.number) return;
          return current.connection.answer(onlyBy(current.way, message.sdp));
        case "mediaClosed":
          if (message.session === current?.number) refuseSession();
          return;
        case "demand":
          if (message.session === current?.number) current.connection.demand(message.tracks);
      }
    }

    async function session(
      way: TriedWay,
      { tracks = {}, slots = NO_SLOTS }: { tracks?: Partial<LocalTracks>; slots?: SlotCounts } = {},
    ): Promise<Stood> {
      if (way === "relay") await relayIsKnown;
      const iceServers = way === "relay" && relay ? relayServers(url, relay) : [];
      if (way === "relay" && iceServers.length === 0) throw clientError("iceFailed", "There is no relay.");
      current?.connection.close();
      return new Promise((stands, fails) => {
        number += 1;
        const of = number;
        const fail = (): void => fails(clientError("iceFailed", "The session did not stand."));
        const late = setTimeout(fail, STAND_MS);
        refuseSession = fail;
        const connection = sessionConnection({
          iceServers: () => iceServers,
          ...(way === "relay" && { iceTransportPolicy: "relay" }),
          slots,
          stream: new MediaStream(),
          tracks: { ...NO_TRACKS, ...tracks },
          on: {
            offer: (sdp, described) => socket.send({ type: "mediaOffer", session: of, sdp, tracks: described }),
            state(state) {
              if (state === "failed") fail();
              if (state !== "connected") return;
              clearTimeout(late);
              stands(connection);
            },
          },
        });
        current = { number: of, way, connection };
      });
    }

    function leave(): void {
      clearTimeout(deadline);
      refuseSession();
      current?.connection.close();
      socket.close("left");
    }
  });
}

/** Leaves of an answer the candidates of one way. Through the relay all go by what the relay takes for UDP. */
const onlyBy = (way: TriedWay, sdp: string): string =>
  sdp.replaceAll(/^a=candidate:\S+ \d (\S+) .*\r\n/gim, (line, protocol: string) =>
    protocol.toLowerCase() === (way === "tcp" ? "tcp" : "udp") ? line : "",
  );
