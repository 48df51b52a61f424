/** What people write to each other. */

import { announce } from "./announcement";
import type { Update } from "./effect";
import type { Chat, ChatLine, Model, Panel, Recipient, RoomPage } from "./model";
import { soundOf } from "./sound";

export const NO_CHAT: Chat = { lines: [], draft: "", to: null, unread: 0, files: [], fileBytes: 0 };

/** More than the server keeps. The oldest go first. */
const LINES_MAX = 500;

/** As the server's default, in bytes of UTF-8. */
const TEXT_BYTES_MAX = 4000;

/** So much of a text is shown while the panel is closed. */
const PREVIEW_LENGTH = 120;

/** Adds what came. What is known by its number is known; what came before one's time is read already. */
export function receive(model: Model, came: readonly ChatLine[], isHistory: boolean): Update {
  const { page } = model;
  if (page.page !== "room") return [model, []];
  const { chat } = page;
  const news = came.filter(({ id }) => !chat.lines.some((line) => line.id === id));
  if (news.length === 0) return [model, []];
  const lines = (isHistory ? inOrder([...chat.lines, ...news]) : [...chat.lines, ...news]).slice(-LINES_MAX);
  const others = isHistory ? [] : news.filter(({ from }) => from !== page.self);
  const isRead = page.panel === "chat" && !model.pageHidden;
  const unread = isRead ? 0 : chat.unread + others.length;
  const next: Model = { ...model, page: { ...page, chat: { ...chat, lines, unread } } };
  const latest = others.at(-1);
  if (latest === undefined || isRead) return [next, []];
  const preview = { kind: "chat", name: latest.name, text: latest.text.slice(0, PREVIEW_LENGTH) } as const;
  const [told, effects] = announce(next, preview);
  return [told, [...effects, ...soundOf(model, "chat")]];
}

const inOrder = (lines: readonly ChatLine[]): readonly ChatLine[] => lines.toSorted((a, b) => a.at - b.at);

/** Opens a panel, which takes the focus when it is there, or closes it if it is the one that is open. */
export function togglePanel(model: Model, panel: Panel): Update {
  const { page } = model;
  if (page.page !== "room") return [model, []];
  if (page.panel === panel) return closePanel(model);
  return [{ ...model, page: read({ ...page, panel }) }, []];
}

/** Whoever closes it by keyboard finds themselves where they opened it. */
export function closePanel(model: Model): Update {
  const { page } = model;
  if (page.page !== "room" || page.panel === null) return [model, []];
  return [{ ...model, page: { ...page, panel: null } }, [{ type: "focus", id: `open-${page.panel}` }]];
}

/** What is on an open panel is read. */
export function read(page: RoomPage): RoomPage {
  const isUnread = page.panel === "chat" && page.chat.unread > 0;
  return isUnread ? { ...page, chat: { ...page.chat, unread: 0 } } : page;
}

/** Says to whom the draft is, where it is written. */
export function address(model: Model, to: Recipient | null): Update {
  const { page } = model;
  if (page.page !== "room") return [model, []];
  const next = read({ ...page, panel: "chat", chat: { ...page.chat, to } });
  return [{ ...model, page: next }, []];
}

/** What is meant for one person does not go to everyone because they are gone. */
export function isRecipientHere({ chat, people }: RoomPage): boolean {
  return chat.to === null || people.some(({ id }) => id === chat.to?.id);
}

/** Sends the draft, which stays where it is if that cannot be. */
export function send(model: Model): Update {
  const { page } = model;
  if (page.page !== "room") return [model, []];
  const { draft, to } = page.chat;
  const text = draft.trim();
  if (text === "" || !isRecipientHere(page)) return [model, []];
  if (page.signaling.state !== "open") return announce(model, { kind: "notSent" });
  if (utf8Length(text) > TEXT_BYTES_MAX) return announce(model, { kind: "refused", code: "badText" });
  const message = { type: "chat", text, ...(to !== null && { to: to.id }) } as const;
  return [{ ...model, page: { ...page, chat: { ...page.chat, draft: "" } } }, [{ type: "say", message }]];
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}
