/** What is seen and heard of one peer: a stream for the person and one for their screen, for as long as they are there. */

export type StreamKind = "cam" | "screen";

export type RemoteStreams = {
  readonly of: (kind: StreamKind) => MediaStream;
  /** Makes a stream hold exactly these tracks. */
  readonly hold: (kind: StreamKind, tracks: readonly (MediaStreamTrack | undefined)[]) => void;
};

export function remoteStreams(onChange: (stream: MediaStream, kind: StreamKind) => void): RemoteStreams {
  const streams: Record<StreamKind, MediaStream> = { cam: new MediaStream(), screen: new MediaStream() };

  return {
    of: (kind) => streams[kind],

    hold(kind, tracks) {
      const stream = streams[kind];
      const wanted = tracks.filter((track) => track !== undefined);
      const present = stream.getTracks();
      const surplus = present.filter((track) => !wanted.includes(track));
      const missing = wanted.filter((track) => !present.includes(track));
      if (surplus.length === 0 && missing.length === 0) return;
      // In this order: an element in Firefox (153, November 2026) that has lost the track which it shows waits for one to be added,
      // and does not look at those that are there.
      surplus.forEach((track) => stream.removeTrack(track));
      missing.forEach((track) => stream.addTrack(track));
      onChange(stream, kind);
    },
  };
}
