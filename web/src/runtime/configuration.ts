/** What the server's operator has decided for the page, and who has signed in there. */

import type { Login } from "../app/model";
import type { Negotiation } from "../webrtc/types";

export type Configuration = { readonly negotiation: Negotiation; readonly login: Login | null };

/** Asks the server. Without an answer, or with an odd one, the defaults hold. */
export async function loadConfiguration(): Promise<Configuration> {
  const hasFailed = takeFailure();
  try {
    const response = await fetch("/config.json");
    const { negotiation, login } = record(await response.json());
    return {
      negotiation: negotiation === "simple" ? "simple" : "perfect",
      login: login === undefined ? null : { ...loginOf(record(login)), hasFailed },
    };
  } catch {
    return { negotiation: "perfect", login: null };
  }
}

function loginOf({ signedIn, name }: Readonly<Record<string, unknown>>): Omit<Login, "hasFailed"> {
  return { isSignedIn: signedIn === true, name: typeof name === "string" ? name : null };
}

/** Returns whether the way back from where one signs in brought the word that it did not work. */
function takeFailure(): boolean {
  if (location.hash !== "#login-failed") return false;
  history.replaceState(null, "", location.pathname + location.search);
  return true;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
