/** The access tokens that links bring. Like the secrets of owners they are in no model, so that nothing shows or reports one. */

import { roomOfPath } from "../app/roomName";

const PREFIX = "allo.token.";
const FRAGMENT = /^#token=([\w.-]{1,4096})$/u;

export type AccessTokens = {
  /** Returns the token for a room that a link brought, into this tab and by now perhaps before a reload. */
  readonly of: (room: string) => string | undefined;
};

export function accessTokens(): AccessTokens {
  takeFromAddress();
  return {
    of(room) {
      // The address is looked at again: a link that is opened in a tab that is there already loads no page.
      takeFromAddress();
      return kept.get(room) ?? stored(room);
    },
  };
}

/** For tabs that may store nothing. */
const kept = new Map<string, string>();

/** Takes a token out of the address bar, where it could be read over a shoulder or be copied with the link. */
function takeFromAddress(): void {
  const [, token] = FRAGMENT.exec(location.hash) ?? [];
  if (token === undefined) return;
  history.replaceState(null, "", location.pathname + location.search);
  const name = roomOfPath(location.pathname);
  if (!name.ok) return;
  kept.set(name.room, token);
  try {
    sessionStorage.setItem(PREFIX + name.room, token);
  } catch {
    // It is good for as long as this page is open.
  }
}

function stored(room: string): string | undefined {
  try {
    return sessionStorage.getItem(PREFIX + room) ?? undefined;
  } catch {
    return undefined;
  }
}
