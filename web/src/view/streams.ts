/** What the view knows of streams: whose they are, and how to have one played. */

import type { TileId } from "../app/tiles";

/** The own stream, before and after the server has given an id. */
export const SELF = "self";

/** Whose: a person's, a person's screen's, or the own. */
export type StreamOwner = TileId | typeof SELF;

/** Binds an element to a stream for as long as the element lives. */
export type VideoAttachment = (video: HTMLVideoElement) => () => void;

export type Streams = {
  /** Always returns the same function for the same owner, so that redrawing a tile never touches its video. */
  readonly video: (owner: StreamOwner) => VideoAttachment;
  /** The same picture once more, without its sound. */
  readonly picture: (owner: StreamOwner) => VideoAttachment;
};
