/** How loud a piece of sound is. */

/** Samples over which loudness is averaged: 11 ms at 48 kHz. Higher: a short sound is lost in the silence around it. */
const WINDOW = 512;

/** Returns the root mean square of the loudest window, from 0 to 1. */
export function loudest(samples: Float32Array): number {
  let most = 0;
  for (let start = 0; start < samples.length; start += WINDOW) {
    most = Math.max(most, rootMeanSquare(samples.subarray(start, start + WINDOW)));
  }
  return most;
}

function rootMeanSquare(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / samples.length);
}
