/** A server whose words a test adds to: for what is about how things look, and would take many people to come about. */

import type { Page } from "@playwright/test";
import type { Participant, ServerMessage } from "../../src/protocol/messages";

export type Pretended = {
  /** Says something to the page as the server would. */
  readonly say: (message: ServerMessage) => void;
  /** Who is in the room, as the page was told. */
  readonly people: () => readonly Participant[];
};

/** The page's own server is still there. `dress` may change how it tells of somebody. To be called before the page is opened. */
export async function pretend(page: Page, dress: (person: Participant) => Participant): Promise<Pretended> {
  const known = new Map<string, Participant>();
  let say: Pretended["say"] = () => undefined;
  const dressed = (person: Participant): Participant => {
    known.set(person.id, person);
    return dress(person);
  };
  await page.routeWebSocket(/\/ws$/u, (toPage) => {
    const toServer = toPage.connectToServer();
    say = (message) => toPage.send(JSON.stringify(message));
    toPage.onMessage((text) => toServer.send(text));
    toServer.onMessage((text) => {
      const message = JSON.parse(String(text)) as ServerMessage;
      say("participants" in message ? snapshot(message, dressed) : withPerson(message, dressed));
    });
  });
  return { say: (message) => say(message), people: () => [...known.values()] };
}

type Snapshot = Extract<ServerMessage, { type: "snapshot" }>;

function snapshot(message: Snapshot, dressed: (person: Participant) => Participant): Snapshot {
  const settings = { owned: true, lobby: true, locked: false, password: true, participantsMax: 100 };
  return { ...message, settings, participants: message.participants.map(dressed) };
}

function withPerson(message: ServerMessage, dressed: (person: Participant) => Participant): ServerMessage {
  if (message.type !== "participantJoined" && message.type !== "participantUpdated") return message;
  return { ...message, participant: dressed(message.participant) };
}
