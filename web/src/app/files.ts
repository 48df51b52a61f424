/** Files that people send each other. Here is what is told of them; the bytes go by runtime/fileTransfers. */

import type { FileId, FileOffer, ParticipantId } from "../protocol/messages";
import type { FileMessage } from "../webrtc/types";
import { announce } from "./announcement";
import { isRecipientHere } from "./chat";
import type { Effect, Update } from "./effect";
import type { ChosenFile, FileLine, Model, RoomPage } from "./model";
import { soundOf } from "./sound";

/** More than can be on offer in a room, with those that are no more. The oldest go first. */
const FILES_MAX = 100;

/** What the server says of files. */
export function noteFile(model: Model, message: FileMessage, at: number): Update {
  const { page } = model;
  if (page.page !== "room") return [model, []];
  switch (message.type) {
    case "filesOffered":
      return beOfferedAnew(model, page, message.files, at);
    case "fileOffered":
      return beOffered(model, page, lineOf(message.file, at));
    case "fileWithdrawn":
      return withdrawn(model, page, message.file);
    case "fileAccepted":
      return accepted(model, page, message.file, message.participant);
    case "fileEnded":
      return ended(model, page, message);
  }
}

function lineOf({ id, reference, from, displayName, to, name, bytes, ageS }: FileOffer, at: number): FileLine {
  return {
    id,
    reference,
    from,
    name: displayName,
    to: to ?? null,
    fileName: name,
    bytes,
    at: at - ageS * 1000,
    state: "offered",
    done: 0,
    takers: [],
    received: 0,
  };
}

function beOfferedAnew(model: Model, page: RoomPage, offers: readonly FileOffer[], at: number): Update {
  const files = offeredAnew(page, offers, at);
  const isNew = ({ id }: FileLine): boolean => !page.chat.files.some((it) => it.id === id);
  return [withFiles(model, files), files.filter(isNew).flatMap((file) => serve(page, file))];
}

/** An own file is to be had as soon as it is on offer: the server may ask for it before it says who takes it. */
const serve = ({ self }: RoomPage, { id, from, reference }: FileLine): readonly Effect[] =>
  from === self ? [{ type: "serveFile", file: id, reference }] : [];

/** After a snapshot: what is known goes on as it is, what is not told any more is not there any more. */
function offeredAnew({ chat }: RoomPage, offers: readonly FileOffer[], at: number): readonly FileLine[] {
  if (offers.length === 0) return chat.files.map((file) => (isOpen(file) ? { ...file, state: "withdrawn" } : file));
  const told = offers.map((offer) => {
    const known = chat.files.find(({ id }) => id === offer.id);
    if (known === undefined) return lineOf(offer, at);
    return known.state === "withdrawn" ? { ...known, state: "offered" as const } : known;
  });
  return [...chat.files.filter(({ id }) => !told.some((file) => file.id === id)), ...told];
}

const isOpen = ({ state }: FileLine): boolean => state === "offered";

function beOffered(model: Model, page: RoomPage, file: FileLine): Update {
  const isOwn = file.from === page.self;
  const isRead = isOwn || (page.panel === "chat" && !model.pageHidden);
  const chat = {
    ...page.chat,
    files: [...page.chat.files, file].slice(-FILES_MAX),
    unread: page.chat.unread + (isRead ? 0 : 1),
  };
  const next: Model = { ...model, page: { ...page, chat } };
  if (isRead) return [next, serve(page, file)];
  const [told, effects] = announce(next, { kind: "chat", name: file.name, text: `📎 ${file.fileName}` });
  return [told, [...effects, ...soundOf(model, "chat")]];
}

function withdrawn(model: Model, { chat, self }: RoomPage, id: FileId): Update {
  const file = chat.files.find((it) => it.id === id);
  if (file === undefined) return [model, []];
  const drop: Effect[] = file.state === "coming" || file.from === self ? [{ type: "dropFile", file: id }] : [];
  const files = chat.files.map((it) => (it.id === id && it.state !== "saved" ? withState(it, "withdrawn") : it));
  return [withFiles(model, files), drop];
}

function accepted(model: Model, { chat, self }: RoomPage, id: FileId, taker: ParticipantId): Update {
  if (taker === self) {
    // All of it may have come before this did.
    return [withFile(model, id, (it) => (it.state === "saved" ? it : withState(it, "coming"))), []];
  }
  const file = chat.files.find((it) => it.id === id && it.from === self);
  if (file === undefined) return [model, []];
  const takers = [...file.takers.filter((it) => it !== taker), taker];
  return [withFile(model, id, (it) => ({ ...it, takers })), [{ type: "openFileChannel" }]];
}

function ended(
  model: Model,
  page: RoomPage,
  { file: id, participant, outcome }: Extract<FileMessage, { type: "fileEnded" }>,
): Update {
  if (participant !== page.self) {
    const file = page.chat.files.find((it) => it.id === id);
    if (file === undefined) return [model, []];
    const takers = file.takers.filter((taker) => taker !== participant);
    const received = file.received + (outcome === "received" ? 1 : 0);
    // Whoever takes it next is sent it from the beginning.
    const rest = takers.length > 0 ? {} : { done: 0 };
    const next = withFile(model, id, (it) => ({ ...it, takers, received, ...rest }));
    return [next, takers.length > 0 ? [] : serve(page, file)];
  }
  if (outcome === "received") return [model, []];
  const state = outcome === "cancelled" ? "offered" : outcome;
  const next = withFile(model, id, (it) => (it.state === "coming" ? withState(it, state) : it));
  return [next, [{ type: "dropFile", file: id }]];
}

/** Offers what was chosen to whom the draft is. */
export function chooseFiles(model: Model, chosen: readonly ChosenFile[]): Update {
  const { page } = model;
  if (page.page !== "room" || page.chat.fileBytes === 0 || !isRecipientHere(page)) return [model, []];
  if (page.signaling.state !== "open") return announce(model, { kind: "notSent" });
  const { to, fileBytes } = page.chat;
  const fits = chosen.filter(({ bytes }) => bytes > 0 && bytes <= fileBytes);
  const offers = fits.map((file): Effect => {
    const message = { type: "offerFile", ...file, ...(to !== null && { to: to.id }) } as const;
    return { type: "say", message };
  });
  if (fits.length === chosen.length) return [model, offers];
  const [told, effects] = announce(model, { kind: "fileTooBig", bytes: fileBytes });
  return [told, [...offers, ...effects]];
}

/** Asks for a file that somebody offers. It may come before its acceptance is told. */
export function takeFile(model: Model, id: FileId): Update {
  const file = fileOf(model, id);
  if (file === undefined || file.state === "coming" || file.state === "withdrawn") return [model, []];
  const take = { type: "takeFile", file: id, fileName: file.fileName, bytes: file.bytes } as const;
  const next = withFile(model, id, (it) => withState(it, "offered"));
  return [next, [take, { type: "say", message: { type: "acceptFile", file: id } }]];
}

/** Does not want what comes any more, or takes an own file back. */
export function cancelFile(model: Model, id: FileId): Update {
  const file = fileOf(model, id);
  if (file === undefined || model.page.page !== "room") return [model, []];
  if (file.from === model.page.self) return [model, [{ type: "say", message: { type: "withdrawFile", file: id } }]];
  if (file.state !== "coming") return [model, []];
  const next = withFile(model, id, (it) => withState(it, "offered"));
  return [
    next,
    [
      { type: "dropFile", file: id },
      { type: "say", message: { type: "endFile", file: id, received: false } },
    ],
  ];
}

/** All of a file has come, and the browser has it. */
export function saveFile(model: Model, id: FileId): Update {
  const next = withFile(model, id, (it) => ({ ...it, state: "saved", done: it.bytes }));
  return [next, [{ type: "say", message: { type: "endFile", file: id, received: true } }]];
}

export function progress(model: Model, id: FileId, done: number): Model {
  return withFile(model, id, (it) => ({ ...it, done: Math.min(done, it.bytes) }));
}

function fileOf({ page }: Model, id: FileId): FileLine | undefined {
  return page.page === "room" ? page.chat.files.find((it) => it.id === id) : undefined;
}

const withState = (file: FileLine, state: FileLine["state"]): FileLine => ({ ...file, state, done: 0, takers: [] });

function withFile(model: Model, id: FileId, change: (file: FileLine) => FileLine): Model {
  if (model.page.page !== "room") return model;
  return withFiles(
    model,
    model.page.chat.files.map((it) => (it.id === id ? change(it) : it)),
  );
}

function withFiles(model: Model, files: readonly FileLine[]): Model {
  const { page } = model;
  return page.page === "room" ? { ...model, page: { ...page, chat: { ...page.chat, files } } } : model;
}
