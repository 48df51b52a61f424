/** One other participant, as their media arrive: what each way brings of them, and by which they are shown. */

import type { MayPublish, Participant, Slot, Source, Topology } from "../protocol/messages";
import { arrival, type Arrival, type Count } from "./arrival";
import type { DeviceKind } from "./devices";
import type { Link } from "./links";
import { remoteStreams, type RemoteStreams, type StreamKind } from "./remoteStreams";
import { route, type Evidence, type Route, type Way } from "./routing";
import type { FilledSlot } from "./sessions";
import { readHeard } from "./stats";
import type { LinkState } from "./types";

/** All that can be known of somebody at a moment. */
export type Situation = {
  readonly participant: Participant;
  readonly topology: Topology;
  readonly hasSession: boolean;
  readonly sessionState: LinkState | undefined;
  readonly link: Link | undefined;
  readonly slot: (source: Source) => FilledSlot | undefined;
  /** Whether the page shows their camera's picture. */
  readonly isWatched: boolean;
  /** Which pictures are to come at all. */
  readonly takes: Readonly<Record<"cam" | "screen", boolean>>;
};

export type Remote = {
  readonly streams: RemoteStreams;
  /** Counts what arrives by both ways. */
  readonly look: (situation: Situation) => Promise<void>;
  /** Decides by which way they are shown, and shows them so. */
  readonly settle: (situation: Situation) => Route;
  readonly shown: () => Way;
  readonly state: (situation: Situation) => LinkState;
  /** Whether a change is under way, so that looking often is worth it. */
  readonly isUnsettled: (situation: Situation) => boolean;
};

/** A link that takes longer is helped out by the session. Lower: the session is used for links that were about to stand. */
const LINK_PATIENCE_MS = 3_000;
/**
 * Whoever is not among the loudest has no slot, and a camera may be covered: what does not come in so long is not waited for.
 * Higher: links are kept for longer than needed.
 */
const SESSION_PATIENCE_MS: Readonly<Record<DeviceKind, number>> = { mic: 1_500, cam: 5_000 };

/** For so long the link stays as a reserve. Higher: both are sent for longer. Lower: a session that stumbles leaves a gap. */
const PROOF_MS = 3_000;

const EVERYTHING: MayPublish = { mic: true, cam: true, screen: true };

export function remote(onStream: (stream: MediaStream, kind: StreamKind) => void): Remote {
  const streams = remoteStreams(onStream);
  let shown: Way = "link";
  let viaLink: Arrival = arrival(performance.now());
  let linkNumber: number | undefined;
  const viaSession: Arrival = arrival(performance.now());
  let subscribedAt: number | undefined;
  /** Since when the session has delivered without a break. */
  let deliveredSince: number | undefined;

  /** What the session is to bring before the link may go. */
  function expectedOfSession(
    { participant, isWatched, takes, slot }: Situation,
    atMs: number,
  ): Record<DeviceKind, boolean> {
    const sends = sent(participant);
    const sinceMs = subscribedAt === undefined ? 0 : atMs - subscribedAt;
    const isAwaited = (device: DeviceKind): boolean =>
      sinceMs < SESSION_PATIENCE_MS[device] || slot(device) !== undefined;
    return {
      mic: sends.mic && isAwaited("mic"),
      cam: sends.cam && isWatched && takes.cam && sinceMs < SESSION_PATIENCE_MS.cam,
    };
  }

  const isPatienceOver = (): boolean =>
    subscribedAt !== undefined && performance.now() - subscribedAt >= SESSION_PATIENCE_MS.cam;

  /** What another link brought says nothing of this one. */
  function meet(link: Link | undefined): void {
    if (link?.number === linkNumber) return;
    linkNumber = link?.number;
    viaLink = arrival(performance.now());
  }

  async function look(situation: Situation): Promise<void> {
    const { participant, link, sessionState, slot } = situation;
    const [heard, mic, cam] = await Promise.all([link?.heard(), countOf(slot("mic")), countOf(slot("cam"))]);
    if (link?.number !== linkNumber) return;
    const atMs = performance.now();
    const ofLink = (count: number): Count => ({ origin: String(link?.number), count });
    viaLink.saw({
      atMs,
      isUp: link?.state === "connected",
      expected: link?.expected ?? sent(participant),
      counts: { mic: heard && ofLink(heard.mic), cam: heard && ofLink(heard.cam) },
    });
    const isUp = sessionState === "connected" && subscribedAt !== undefined;
    viaSession.saw({ atMs, isUp, expected: expectedOfSession(situation, atMs), counts: { mic, cam } });
  }

  function evidence({ topology, hasSession, link, slot }: Situation): Evidence {
    const isPaused = slot("cam")?.paused === true && !isPatienceOver();
    const sessionDelivers = viaSession.delivers() && !isPaused;
    deliveredSince = sessionDelivers ? (deliveredSince ?? performance.now()) : undefined;
    return {
      topology,
      hasSession,
      link: !link
        ? "none"
        : viaLink.delivers()
          ? "delivers"
          : viaLink.lacksForMs() > LINK_PATIENCE_MS
            ? "overdue"
            : "awaited",
      sessionDelivers,
      sessionIsProven: deliveredSince !== undefined && performance.now() - deliveredSince >= PROOF_MS,
      shown,
    };
  }

  function settle(situation: Situation): Route {
    meet(situation.link);
    const decided = route(evidence(situation));
    shown = decided.shown;
    subscribedAt = decided.subscribes ? (subscribedAt ?? performance.now()) : undefined;
    show(situation);
    return decided;
  }

  function show({ participant, hasSession, link, slot, takes }: Situation): void {
    const track = (source: Source): MediaStreamTrack | undefined => slot(source)?.receiver.track;
    const ofKind = (kind: string): readonly MediaStreamTrack[] => link?.tracks.filter((it) => it.kind === kind) ?? [];
    const [linkMic, linkScreenAudio] = ofKind("audio");
    const [linkCam, linkScreen] = ofKind("video");
    const isDirect = shown === "link";
    const { mayPublish = EVERYTHING } = participant;
    // A browser may hold back the sound of an element that waits for a first picture: hence none while none is to come.
    const [hasCam, hasScreen] = [participant.cam && takes.cam, participant.screen && mayPublish.screen];
    const cam = isDirect ? linkCam : track("cam");
    const mic = isDirect ? linkMic : track("mic");
    // Over a link nobody else can keep them from it.
    streams.hold("cam", [mayPublish.mic ? mic : undefined, hasCam && mayPublish.cam ? cam : undefined]);
    const [sound, screen] = hasSession ? [track("screenAudio"), track("screen")] : [linkScreenAudio, linkScreen];
    streams.hold("screen", hasScreen ? [sound, takes.screen ? screen : undefined] : []);
  }

  return {
    streams,
    look,
    settle,
    shown: () => shown,
    state({ sessionState, link }) {
      return shown === "session" ? (sessionState ?? "connecting") : (link?.state ?? "new");
    },
    isUnsettled({ topology, hasSession, link }) {
      if (!hasSession) return false;
      return topology === "sfu" ? link !== undefined || shown === "link" : shown === "session" || !viaLink.delivers();
    },
  };
}

/** Who is not online cannot say that a device was turned off. */
const sent = ({ mic, cam, connection }: Participant): Readonly<Record<DeviceKind, boolean>> =>
  connection === "online" ? { mic, cam } : { mic: false, cam: false };

async function countOf(slot: FilledSlot | undefined): Promise<Count | undefined> {
  return slot && { origin: originOf(slot), count: readHeard(await slot.receiver.getStats()) };
}

const originOf = ({ mid, receiver }: Slot & { readonly receiver: RTCRtpReceiver }): string =>
  `${mid} ${receiver.track.id}`;
