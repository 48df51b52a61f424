/** Tries the network for the page of diagnostics, step by step. */

import type { Trial, Trials } from "../app/checkup";
import { random128 } from "../webrtc/identity";
import { readStats, type Totals } from "../webrtc/stats";
import type { ClientError } from "../webrtc/types";
import { visit, type Stood, type TriedWay, type Visit } from "../webrtc/visit";
import { signalingUrl } from "../webrtc/webRTCClient";

export type CheckupOptions = {
  /** The camera's picture, if there is one: it is what is sent to see how much gets through. */
  readonly picture: () => MediaStreamTrack | undefined;
  readonly found: (trials: Partial<Trials>) => void;
  readonly ended: () => void;
};

/** How often it is looked how much came. */
const LOOK_MS = 1_000;
/** A sender begins with little and takes some seconds to find how much gets through. Lower: a good network looks like a poor one. */
const LOOKS = 10;

const WAYS: readonly TriedWay[] = ["udp", "tcp", "relay"];

/** Begins. Returns how to stop, after which nothing more is found. */
export function startCheckup({ picture, found, ended }: CheckupOptions): () => void {
  const visits: Visit[] = [];
  let isStopped = false;

  const tell = (trials: Partial<Trials>): void => {
    if (!isStopped) found(trials);
  };

  async function enter(room: string): Promise<Visit> {
    const entered = await visit(signalingUrl(location), room);
    visits.push(entered);
    if (isStopped) entered.leave();
    return entered;
  }

  async function run(): Promise<void> {
    const room = `check-${random128()}`;
    tell({ server: { state: "running" } });
    const own = await enter(room).catch((error: unknown) => {
      tell({ server: { state: "failed", code: (error as ClientError).code } });
    });
    if (!own) return;
    tell({ server: { state: "passed" } });
    const passed: TriedWay[] = [];
    for (const way of WAYS) {
      tell({ [way]: { state: "running" } });
      const trial = await tryWay(own, way);
      if (trial.state === "passed") passed.push(way);
      tell({ [way]: trial });
    }
    const [best] = passed;
    if (best === undefined) return tell({ flow: { state: "failed" } });
    tell({ flow: { state: "running" } });
    tell({ flow: await measure(own, await enter(room), best, picture()).catch((): Trial => ({ state: "failed" })) });
  }

  void run()
    .catch(() => undefined)
    .then(() => {
      visits.forEach((it) => it.leave());
      if (!isStopped) ended();
    });

  return () => {
    isStopped = true;
    visits.forEach((it) => it.leave());
  };
}

async function tryWay(visit: Visit, way: TriedWay): Promise<Trial> {
  try {
    const stood = await visit.session(way);
    const { roundTripMs } = readStats(await stood.report()).stats;
    return { state: "passed", ...(roundTripMs !== undefined && { roundTripMs }) };
  } catch {
    return way === "relay" && !visit.hasRelay() ? { state: "absent" } : { state: "failed" };
  }
}

/** Sends a picture to the server as one participant, and receives it as another. */
async function measure(
  from: Visit,
  to: Visit,
  way: TriedWay,
  camera: MediaStreamTrack | undefined,
): Promise<Trials["flow"]> {
  const painted = camera === undefined ? paint() : undefined;
  try {
    await from.session(way, { tracks: { cam: camera ?? painted?.track ?? null } });
    to.watch(from.self);
    const received = await to.session(way, { slots: { audio: 0, video: 1 } });
    return await count(received);
  } finally {
    painted?.stop();
  }
}

/** Counts what came: the most of any second, and the loss over all of them. */
async function count(session: Stood): Promise<Trials["flow"]> {
  let before: Totals | undefined;
  let bitrate = 0;
  let first: Totals | undefined;
  for (let look = 0; look < LOOKS; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const { stats, totals } = readStats(await session.report(), before);
    before = totals;
    first ??= totals.packetsReceived > 0 ? totals : undefined;
    bitrate = Math.max(bitrate, stats.receiveBitrate ?? 0);
  }
  if (before === undefined || first === undefined || bitrate === 0) return { state: "failed" };
  const lost = Math.max(0, before.packetsLost - first.packetsLost);
  const all = lost + before.packetsReceived - first.packetsReceived;
  return { state: "passed", bitrate, loss: all > 0 ? lost / all : 0 };
}

/** A picture for those without a camera, which changes everywhere, as little else costs as much to encode. */
function paint(): { readonly track: MediaStreamTrack | undefined; readonly stop: () => void } {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [1280, 720];
  const brush = canvas.getContext("2d");
  const [track] = canvas.captureStream(30).getVideoTracks();
  const timer = setInterval(() => {
    for (let spot = 0; brush !== null && spot < 200; spot += 1) {
      brush.fillStyle = `hsl(${Math.random() * 360} 70% 50%)`;
      brush.fillRect(Math.random() * canvas.width, Math.random() * canvas.height, 60, 60);
    }
  }, 1_000 / 30);
  return {
    track,
    stop() {
      clearInterval(timer);
      track?.stop();
    },
  };
}
