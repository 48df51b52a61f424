/** Notices that nothing comes from the other end any more, and when something does again. Loaded once a connection stands. */

/** Lower: more is spent on looking. */
const LOOK_EVERY_MS = 250;
const SILENT_LOOKS = 4;
/**
 * What is said after so many looks in a row at which media were sent and nothing came.
 *
 * First it may be the network that is another one: then the way of signaling is gone as well, and is better asked before it is needed. Then ICE is
 * restarted, which does no harm if it was a hiccup: the old way is kept until there is another. People are told last of all.
 */
const VERDICTS = [
  [2, "doubtful"],
  [SILENT_LOOKS, "silent"],
  [8, "blocked"],
] as const;
/** So many bytes in one look are media. Reports of what was received are fewer, and the server does not answer those. */
const MEDIA_BYTES = 750;
/**
 * Of who sends no media, checks are what the server has to answer. Chromium makes one each 2.5 s, and many a second once nothing has come
 * for as long. Lower: one check that is lost counts as silence.
 */
const UNANSWERED_CHECKS = 3;
/** How many times as much as a look at media is one at checks: they are answered at once, or never. */
const CHECK_WEIGHT = 2;
/** Looks at which something came before: whoever was never heard may be slow, and is waited for. */
const HEARD_LOOKS = 20;

/** One look at what went each way so far. */
export type Look = {
  /** Bytes, checks left out. */
  readonly sent: number;
  readonly received: number;
  /** Checks of connectivity, and the answers to them, as far as the browser counts them. */
  readonly asked: number;
  readonly answered: number;
};

export type Verdict = (typeof VERDICTS)[number][1] | "heard";

/** Returns what says, look by look, that the server seems to have fallen silent, that it has, and later that it is heard again. */
export function pulse(): (look: Look) => Verdict | undefined {
  let before: Look = { sent: 0, received: 0, asked: 0, answered: 0 };
  let askedWhenHeard = 0;
  let heard = 0;
  let silent = 0;
  return (look) => {
    const came = look.received > before.received || look.answered > before.answered;
    const sentMedia = look.sent - before.sent >= MEDIA_BYTES;
    before = look;
    if (came) {
      const wasSilent = silent >= SILENT_LOOKS;
      heard = wasSilent ? 1 : heard + 1;
      silent = 0;
      askedWhenHeard = look.asked;
      return wasSilent ? "heard" : undefined;
    }
    if (heard < HEARD_LOOKS) return undefined;
    const silentBefore = silent;
    // After that ICE is restarted, which is a question by itself, whatever the browser still sends.
    if (sentMedia || silent >= SILENT_LOOKS) silent += 1;
    else if (look.asked - askedWhenHeard >= UNANSWERED_CHECKS) silent += CHECK_WEIGHT;
    return VERDICTS.find(([looks]) => silentBefore < looks && silent >= looks)?.[1];
  };
}

export type PulseEvents = {
  readonly onDoubtful: () => void;
  readonly onSilent: () => void;
  /** It goes on, and it was UDP that it had come by. */
  readonly onBlocked?: () => void;
  readonly onHeard?: () => void;
};

type Entry = Readonly<Record<string, unknown>>;

/** Watches a connection until it is closed. A browser alone waits for many seconds before it says that it is disconnected. */
export function watchPulse(
  connection: RTCPeerConnection,
  { onDoubtful, onSilent, onBlocked, onHeard }: PulseEvents,
): void {
  const look = pulse();
  let wasByUdp = false;
  const timer = setInterval(() => {
    if (connection.signalingState === "closed") return clearInterval(timer);
    void connection.getStats().then((report) => {
      const entries = [...report.values()] as readonly Entry[];
      const pairs = entries.filter(({ type }) => type === "candidate-pair");
      const sum = (name: string): number => pairs.reduce((total, it) => total + Number(it[name] ?? 0), 0);
      const verdict = look({
        sent: sum("bytesSent"),
        received: sum("bytesReceived"),
        asked: sum("requestsSent"),
        answered: sum("responsesReceived"),
      });
      if (verdict === "doubtful") onDoubtful();
      if (verdict === "silent") {
        wasByUdp = isByUdp(entries, pairs);
        onSilent();
      }
      if (verdict === "blocked" && wasByUdp) onBlocked?.();
      if (verdict === "heard") onHeard?.();
    });
  }, LOOK_EVERY_MS);
}

/** Whether the pair in use goes by UDP: by Chromium's transport, by Firefox's own `selected`. A relay's goes by what leads to it. */
function isByUdp(entries: readonly Entry[], pairs: readonly Entry[]): boolean {
  const used = entries.find(({ type }) => type === "transport")?.["selectedCandidatePairId"];
  const pair = pairs.find((it) => (used === undefined ? it["selected"] === true : it["id"] === used));
  const own = entries.find(({ id }) => id === pair?.["localCandidateId"]);
  return (own?.["relayProtocol"] ?? own?.["protocol"]) === "udp";
}
