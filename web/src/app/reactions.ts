/** Reactions, as everybody's system draws them. */

import type { Reaction } from "../protocol/messages";

export const EMOJI: Readonly<Record<Reaction, string>> = {
  thumbsUp: "👍",
  thumbsDown: "👎",
  applause: "👏",
  heart: "❤️",
  laughter: "😂",
  surprise: "😮",
  celebration: "🎉",
  doubt: "🤔",
};

export const REACTIONS = Object.keys(EMOJI) as readonly Reaction[];
