/** Notices that nothing comes from the server any more while much is sent to it. Loaded once a session stands. */

/** Lower: more is spent on looking. */
const LOOK_EVERY_MS = 500;
/** Looks in a row at which something was sent and nothing came. Lower: a network that stutters has ICE restarted for nothing. */
const SILENT_LOOKS = 4;
/** Looks at which something came before: whoever was never heard may be slow, and is waited for. */
const HEARD_LOOKS = 10;

/** One look at what went each way so far, in bytes. */
export type Look = { readonly sent: number; readonly received: number };

/** Returns what says, look by look, whether the server fell silent. */
export function pulse(): (look: Look) => boolean {
  let before: Look = { sent: 0, received: 0 };
  let heard = 0;
  let silent = 0;
  return (look) => {
    const came = look.received > before.received;
    // The server answers media with reports, many times a second. Who sends none may well hear nothing.
    const isUnanswered = !came && look.sent > before.sent;
    before = look;
    if (came) heard += 1;
    silent = came ? 0 : silent + Number(isUnanswered);
    if (silent < SILENT_LOOKS || heard < HEARD_LOOKS) return false;
    heard = silent = 0;
    return true;
  };
}

/** Watches a connection until it is closed. A browser alone waits for many seconds before it says that it is disconnected. */
export function watchPulse(connection: RTCPeerConnection, onSilent: () => void): void {
  const isSilent = pulse();
  const timer = setInterval(() => {
    if (connection.signalingState === "closed") return clearInterval(timer);
    void connection.getStats().then((report) => {
      const pairs = [...report.values()].filter(({ type }) => type === "candidate-pair");
      const sum = (name: string): number => pairs.reduce((total, it) => total + Number(it[name] ?? 0), 0);
      if (isSilent({ sent: sum("bytesSent"), received: sum("bytesReceived") })) onSilent();
    });
  }, LOOK_EVERY_MS);
}
