/** Keeps the screen on, where the browser has that. */

/** Asks for it at once, and until the returned function is called. The browser itself lets go when the page is hidden. */
export function keepAwake(): () => void {
  const lock = "wakeLock" in navigator ? navigator.wakeLock.request("screen") : Promise.resolve(null);
  // A refusal, as with an empty battery, is no reason to say anything.
  lock.catch(() => undefined);
  return () => {
    lock.then((held) => held?.release()).catch(() => undefined);
  };
}
