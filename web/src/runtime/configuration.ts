/** What the server's operator has decided for the page. */

import type { Negotiation } from "../webrtc/types";

export type Configuration = { readonly negotiation: Negotiation };

/** Asks the server. Without an answer, or with an odd one, the defaults hold. */
export async function loadConfiguration(): Promise<Configuration> {
  try {
    const response = await fetch("/config.json");
    const answer: unknown = await response.json();
    const isSimple = typeof answer === "object" && answer !== null && "negotiation" in answer;
    return { negotiation: isSimple && answer.negotiation === "simple" ? "simple" : "perfect" };
  } catch {
    return { negotiation: "perfect" };
  }
}
