/** Which stream is whose, and the `<video>` elements that play them. */

import type { Dispatch } from "../app/message";
import { SELF, type StreamOwner, type Streams, type VideoAttachment } from "../view/streams";

export type Media = Streams & {
  readonly setStream: (owner: StreamOwner, stream: MediaStream) => void;
  readonly stream: (owner: StreamOwner) => MediaStream | undefined;
  readonly owners: () => readonly StreamOwner[];
  /** Forgets everybody but those in `owners`. */
  readonly keepOnly: (owners: readonly StreamOwner[]) => void;
  readonly setSpeaker: (deviceId: string | null) => void;
  /** Plays again what the browser had stopped, now that the person has touched the page. */
  readonly startSound: () => void;
};

export function media(dispatch: Dispatch): Media {
  const streams = new Map<StreamOwner, MediaStream>();
  const videos = new Map<HTMLVideoElement, StreamOwner>();
  const attachments = new Map<StreamOwner, VideoAttachment>();
  let speaker: string | null = null;

  const show = (video: HTMLVideoElement, owner: StreamOwner): void => {
    const stream = streams.get(owner) ?? null;
    if (video.srcObject !== stream) video.srcObject = stream;
    if (stream !== null) void play(video, owner !== SELF, dispatch);
  };

  const attach = (owner: StreamOwner): VideoAttachment => {
    return (video) => {
      video.muted = owner === SELF;
      videos.set(video, owner);
      if (owner !== SELF) void sendSoundTo(video, speaker);
      show(video, owner);
      return () => {
        videos.delete(video);
        video.srcObject = null;
      };
    };
  };

  return {
    video: (owner) => {
      const attachment = attachments.get(owner) ?? attach(owner);
      attachments.set(owner, attachment);
      return attachment;
    },
    setStream: (owner, stream) => {
      streams.set(owner, stream);
      for (const [video, shown] of videos) if (shown === owner) show(video, owner);
    },
    stream: (owner) => streams.get(owner),
    owners: () => [...streams.keys()],
    keepOnly: (owners) => {
      for (const owner of [...streams.keys()]) if (!owners.includes(owner)) streams.delete(owner);
      for (const owner of [...attachments.keys()]) if (!owners.includes(owner)) attachments.delete(owner);
    },
    setSpeaker: (deviceId) => {
      speaker = deviceId;
      for (const [video, owner] of videos) if (owner !== SELF) void sendSoundTo(video, deviceId);
    },
    startSound: () => {
      for (const [video, owner] of videos) {
        video.muted = owner === SELF;
        void play(video, owner !== SELF, dispatch);
      }
    },
  };
}

/** Plays; where the browser wants a touch first, plays without sound and says so. */
async function play(video: HTMLVideoElement, hasSound: boolean, dispatch: Dispatch): Promise<void> {
  try {
    await video.play();
  } catch (error) {
    // Anything else is an interruption by a newer stream, which plays by itself.
    if (!(error instanceof DOMException) || error.name !== "NotAllowedError" || !hasSound) return;
    dispatch({ type: "soundBlocked" });
    video.muted = true;
    await video.play().catch(() => undefined);
  }
}

async function sendSoundTo(video: HTMLVideoElement, deviceId: string | null): Promise<void> {
  if (!("setSinkId" in video)) return;
  // A speaker that is gone leaves the sound where it was.
  await video.setSinkId(deviceId ?? "").catch(() => undefined);
}
