/** Room names, by the server's rules (docs/protocol.md, `join`): what it would refuse is said before asking it. */

/** The names of the server's own pages, now or later. Those with a dot need not be here: no room has one. */
const RESERVED: ReadonlySet<string> = new Set([
  "admin",
  "api",
  "assets",
  "diagnostics",
  "health",
  "login",
  "metrics",
  "turn",
  "ws",
]);

/** As the server's default. A server that allows fewer says so when one joins. */
const MAX_BYTES = 128;

export type RoomNameProblem = "empty" | "characters" | "tooLong" | "reserved";

export type RoomName =
  { readonly ok: true; readonly room: string } | { readonly ok: false; readonly problem: RoomNameProblem };

/** Returns the room that `text` names, or why it names none. */
export function roomName(text: string): RoomName {
  const room = text.trim().normalize("NFC").toLowerCase().normalize("NFC").replace(/\s/gu, "-");
  if (room === "") return { ok: false, problem: "empty" };
  if (utf8Length(room) > MAX_BYTES) return { ok: false, problem: "tooLong" };
  if (!/^[\p{Alphabetic}\p{N}\p{M}_-]+$/u.test(room)) return { ok: false, problem: "characters" };
  if (RESERVED.has(room)) return { ok: false, problem: "reserved" };
  return { ok: true, room };
}

/** Returns the path of a room's page. */
export function roomPath(room: string): string {
  return `/${encodeURIComponent(room)}`;
}

/** Returns what the path of a page names: a room, nothing, or nothing that could be a room. */
export function roomOfPath(path: string): RoomName {
  try {
    return roomName(decodeURIComponent(path.replace(/^\/+|\/+$/gu, "")));
  } catch {
    return { ok: false, problem: "characters" };
  }
}

function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return length;
}
