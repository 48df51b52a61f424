/** What the page hears from its browser that signaling and links should know of. */

export type PageEvents = {
  /** The network may be back, or the page was away: whatever waits should try now. */
  readonly woke?: () => void;
  /** The page is being closed, loaded anew, or frozen for the back button. */
  readonly hidden?: () => void;
  /** The page came back from where `hidden` put it, with its memory. */
  readonly shown?: () => void;
};

export type WatchPage = (events: PageEvents) => () => void;

/** Watches the page that this script runs in. Returns how to stop; does nothing where there is no page. */
export const watchPage: WatchPage = ({ woke, hidden, shown }) => {
  if (typeof window === "undefined") return () => {};
  const watching = new AbortController();
  const { signal } = watching;
  window.addEventListener("online", () => woke?.(), { signal });
  // Chromium freezes background pages to save power and says so when it thaws them.
  document.addEventListener("resume", () => woke?.(), { signal });
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && woke?.(), { signal });
  window.addEventListener("pagehide", () => hidden?.(), { signal });
  window.addEventListener("pageshow", (event) => event.persisted && shown?.(), { signal });
  return () => watching.abort();
};
