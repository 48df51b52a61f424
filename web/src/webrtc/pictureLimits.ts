/** How large pictures are at most: those that are asked for, and those that a peer asks for. */

import type { PictureLimits, Tile } from "../protocol/messages";

/** What `limitEncoding` holds an encoding to. */
export type EncodingLimits = {
  /** How high the picture is to be at most; as high as it is if left out, and none at all for 0. */
  readonly height?: number | undefined;
  /** In bit/s. */
  readonly maxBitrate?: number | undefined;
};

/** What is known of a track before its source says how high its pictures are. A camera is asked for as much. */
const HEIGHT_USUALLY = 720;

/**
 * Limits an encoding to pictures of a height. Returns whether that changes anything. `sourceHeight` is how high the track's pictures
 * are, as far as that is known.
 */
export function limitEncoding(
  encoding: RTCRtpEncodingParameters,
  sourceHeight: number | undefined,
  { height, maxBitrate }: EncodingLimits,
): boolean {
  const { active = true, scaleResolutionDownBy: scale = 1, maxBitrate: bitrate } = encoding;
  const limited = {
    active: height !== 0,
    scaleResolutionDownBy: height ? Math.max(1, (sourceHeight ?? HEIGHT_USUALLY) / height) : 1,
    maxBitrate: maxBitrate ?? bitrate,
  };
  const isSame = limited.active === active && limited.scaleResolutionDownBy === scale && limited.maxBitrate === bitrate;
  encoding.active = limited.active;
  encoding.scaleResolutionDownBy = limited.scaleResolutionDownBy;
  if (limited.maxBitrate !== undefined) encoding.maxBitrate = limited.maxBitrate;
  return !isSame;
}

/**
 * What a camera's picture of a height takes at most, in bit/s: with 180, 360 and 720 lines, as much as the layers of these heights
 * through the server.
 */
export const cameraBitrate = (height: number): number => Math.round(1_700_000 * (height / 720) ** 1.75);

/** Returns what of these tiles is to be asked for under the limits. */
export function limitTiles(tiles: readonly Tile[], limits: PictureLimits): readonly Tile[] {
  const limitOf = ({ source }: Tile): number => (source === "screen" ? limits.screen : limits.cam) ?? Infinity;
  return tiles
    .map((tile) => ({ ...tile, height: Math.min(tile.height, limitOf(tile)) }))
    .filter((tile) => limitOf(tile) > 0);
}
