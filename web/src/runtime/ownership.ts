/** The secrets by which this browser owns rooms. They are in no model, so that nothing shows or reports one. */

import { roomOfPath } from "../app/roomName";
import { random128 } from "../webrtc/identity";

const PREFIX = "allo.owner.";
const FRAGMENT = /^#owner=([0-9a-f]{32})$/u;

export type Ownership = {
  /** Returns the secret to show when a room is entered: the one that is kept, the one in the address, or a new one. */
  readonly begin: (room: string) => string;
  /** The room was entered: the secret shown is kept if it is known to be the room's. */
  readonly entered: (isOwner: boolean, isAlone: boolean) => void;
  /** Returns the kept secret of a room, or keeps a new one, which has to be told to the server. */
  readonly secret: (room: string, renew: boolean) => { readonly secret: string; readonly isNew: boolean };
};

export function ownership(): Ownership {
  const arrived = takeFromAddress();
  /** Of the room that is being entered, until it is known to be worth anything. */
  let shown: { readonly room: string; readonly secret: string; readonly isHandedOn: boolean } | undefined;

  return {
    begin(room) {
      // The address is looked at again: a link that is opened in a tab that is there already loads no page.
      const address = takeFromAddress() ?? arrived;
      const handedOn = address?.room === room ? address.secret : undefined;
      const secret = handedOn ?? kept(room) ?? random128();
      shown = { room, secret, isHandedOn: handedOn !== undefined };
      return secret;
    },
    entered(isOwner, isAlone) {
      // Whoever was made an owner by another has shown a secret that is worth nothing.
      if (isOwner && shown && (isAlone || shown.isHandedOn)) keep(shown.room, shown.secret);
      shown = undefined;
    },
    secret(room, renew) {
      const present = renew ? undefined : kept(room);
      if (present !== undefined) return { secret: present, isNew: false };
      const secret = random128();
      keep(room, secret);
      return { secret, isNew: true };
    },
  };
}

/** Takes the secret out of the address bar, where it could be read over a shoulder or on a shared screen. */
function takeFromAddress(): { readonly room: string; readonly secret: string } | undefined {
  const [, secret] = FRAGMENT.exec(location.hash) ?? [];
  if (secret === undefined) return undefined;
  history.replaceState(null, "", location.pathname + location.search);
  const name = roomOfPath(location.pathname);
  return name.ok ? { room: name.room, secret } : undefined;
}

/** The link that makes whoever opens it an owner. What is behind the # is never sent to a server. */
export const ownerLink = (path: string, secret: string): string => `${location.origin}${path}#owner=${secret}`;

function kept(room: string): string | undefined {
  try {
    const secret = localStorage.getItem(PREFIX + room) ?? "";
    return /^[0-9a-f]{32}$/u.test(secret) ? secret : undefined;
  } catch {
    return undefined;
  }
}

function keep(room: string, secret: string): void {
  try {
    localStorage.setItem(PREFIX + room, secret);
  } catch {
    // Private windows and full disks: the room is owned for as long as this page is open.
  }
}
