import type { Effect, Sound } from "./effect";
import type { Model } from "./model";

/** Returns how to let a sound be heard, if sounds are wanted. */
export function soundOf({ settings }: Model, sound: Sound): readonly Effect[] {
  return settings.sounds ? [{ type: "playSound", sound }] : [];
}
