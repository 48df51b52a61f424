/** Which stream is whose, and the elements that play them: those on the page, and others for whom is heard only. */

import type { Dispatch } from "../app/message";
import { SELF, type StreamOwner, type Streams, type VideoAttachment } from "../view/streams";

export type Media = Streams & {
  readonly setStream: (owner: StreamOwner, stream: MediaStream) => void;
  readonly stream: (owner: StreamOwner) => MediaStream | undefined;
  /** The element on the page that shows somebody. */
  readonly element: (owner: StreamOwner) => HTMLVideoElement | undefined;
  readonly owners: () => readonly StreamOwner[];
  /** Forgets everybody but those in `owners`. */
  readonly keepOnly: (owners: readonly StreamOwner[]) => void;
  readonly setSpeaker: (deviceId: string | null) => void;
  /** Plays again what the browser had stopped, now that the person has touched the page. */
  readonly startSound: () => void;
};

/** How long an element that failed is let be. Lower: a machine whose sound is broken for good is kept busy. */
const REVIVAL_MS = 1000;

export function media(dispatch: Dispatch): Media {
  const streams = new Map<StreamOwner, MediaStream>();
  const players = new Map<HTMLMediaElement, StreamOwner>();
  /** Those who have no element on the page, because they are on another page of tiles; and how to end their sound. */
  const heardOnly = new Map<StreamOwner, () => void>();
  const attachments = new Map<StreamOwner, VideoAttachment>();
  /** Further elements that show somebody, silently. */
  const pictures = new Map<HTMLVideoElement, StreamOwner>();
  let speaker: string | null = null;

  const show = (player: HTMLMediaElement, owner: StreamOwner): void => {
    const stream = streams.get(owner) ?? null;
    if (player.srcObject !== stream) player.srcObject = stream;
    if (stream !== null) void play(player, owner !== SELF, dispatch);
  };

  const showPicture = (video: HTMLVideoElement, owner: StreamOwner): void => {
    const stream = streams.get(owner) ?? null;
    if (video.srcObject !== stream) video.srcObject = stream;
    if (stream !== null) void play(video, false, dispatch);
  };

  const begin = (player: HTMLMediaElement, owner: StreamOwner): (() => void) => {
    player.muted = owner === SELF;
    players.set(player, owner);
    if (owner !== SELF) void sendSoundTo(player, speaker);
    show(player, owner);
    const stopReviving = onFailure(player, () => {
      player.srcObject = null;
      show(player, owner);
    });
    return () => {
      stopReviving();
      players.delete(player);
      player.srcObject = null;
    };
  };

  const silence = (owner: StreamOwner): void => {
    heardOnly.get(owner)?.();
    heardOnly.delete(owner);
  };

  const attach = (owner: StreamOwner): VideoAttachment => {
    return (video) => {
      silence(owner);
      const end = begin(video, owner);
      return () => {
        end();
        hearAll();
      };
    };
  };

  /** Nobody is inaudible for not being on the stage. */
  const hearAll = (): void => {
    const seen = new Set(
      [...players].flatMap(([player, owner]) => (player instanceof HTMLVideoElement ? [owner] : [])),
    );
    for (const owner of heardOnly.keys()) if (!streams.has(owner)) silence(owner);
    for (const [owner, stream] of streams) {
      const isHeardOnly = owner !== SELF && !seen.has(owner) && stream.getAudioTracks().length > 0;
      if (!isHeardOnly) silence(owner);
      else if (!heardOnly.has(owner)) heardOnly.set(owner, begin(new Audio(), owner));
    }
  };

  return {
    video: (owner) => {
      const attachment = attachments.get(owner) ?? attach(owner);
      attachments.set(owner, attachment);
      return attachment;
    },
    picture: (owner) => (video) => {
      video.muted = true;
      pictures.set(video, owner);
      showPicture(video, owner);
      return () => {
        pictures.delete(video);
        video.srcObject = null;
      };
    },
    element: (owner) =>
      [...players].find(([player, shown]) => shown === owner && player instanceof HTMLVideoElement)?.[0] as
        HTMLVideoElement | undefined,
    setStream: (owner, stream) => {
      streams.set(owner, stream);
      for (const [video, shown] of pictures) if (shown === owner) showPicture(video, owner);
      for (const [player, shown] of players) if (shown === owner) show(player, owner);
      hearAll();
    },
    stream: (owner) => streams.get(owner),
    owners: () => [...streams.keys()],
    keepOnly: (owners) => {
      for (const owner of [...streams.keys()]) if (!owners.includes(owner)) streams.delete(owner);
      for (const owner of [...attachments.keys()]) if (!owners.includes(owner)) attachments.delete(owner);
      hearAll();
    },
    setSpeaker: (deviceId) => {
      speaker = deviceId;
      for (const [player, owner] of players) if (owner !== SELF) void sendSoundTo(player, deviceId);
    },
    startSound: () => {
      for (const [player, owner] of players) {
        player.muted = owner === SELF;
        void play(player, owner !== SELF, dispatch);
      }
    },
  };
}

/** Plays; where the browser wants a touch first, plays without sound and says so. */
async function play(player: HTMLMediaElement, hasSound: boolean, dispatch: Dispatch): Promise<void> {
  try {
    await player.play();
  } catch (error) {
    // Anything else is an interruption by a newer stream, which plays by itself.
    if (!(error instanceof DOMException) || error.name !== "NotAllowedError" || !hasSound) return;
    dispatch({ type: "soundBlocked" });
    player.muted = true;
    await player.play().catch(() => undefined);
  }
}

/**
 * Calls `revive` some time after the browser gave the element up, as Chromium does, picture and all, when the system's sound
 * fails under it. Returns how to stop.
 */
function onFailure(player: HTMLMediaElement, revive: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const failed = (): void => {
    clearTimeout(timer);
    timer = setTimeout(revive, REVIVAL_MS);
  };
  player.addEventListener("error", failed);
  return () => {
    clearTimeout(timer);
    player.removeEventListener("error", failed);
  };
}

async function sendSoundTo(player: HTMLMediaElement, deviceId: string | null): Promise<void> {
  if (!("setSinkId" in player)) return;
  // A speaker that is gone leaves the sound where it was.
  await player.setSinkId(deviceId ?? "").catch(() => undefined);
}
