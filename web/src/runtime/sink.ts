/** Where a recording goes: to the disk as it grows where the browser can (File System Access), else into memory until its end. */

/** Why nothing more is taken. What was taken is kept. */
export type Trouble = "tooLong" | "failed";

export type Sink = {
  readonly write: (chunk: Blob) => void;
  /** Finishes the file. */
  readonly close: () => Promise<void>;
  /** Leaves nothing behind. */
  readonly drop: () => Promise<void>;
};

/** What memory has to hold is at most this: about 50 minutes. Higher: a browser may end the page, and all is lost. */
export const MEMORY_BYTES_MAX = 1_000_000_000;

/** A file's bound: about fourteen hours. Higher: a recording that was forgotten fills the disk. */
export const FILE_BYTES_MAX = 16_000_000_000;

/** How far the disk may be behind. Beyond, it is too slow, and the recording ends. */
export const BACKLOG_BYTES_MAX = 64_000_000;

const TYPE = { description: "WebM", accept: { "video/webm": [".webm"] as string[] } };

/** Not yet in the types of the DOM: https://wicg.github.io/file-system-access/ (November 2026). */
type Picker = {
  readonly showSaveFilePicker?: (options: {
    readonly suggestedName: string;
    readonly types: readonly (typeof TYPE)[];
  }) => Promise<FileSystemFileHandle>;
};

/** Asks for a file. Rejects when the person would have none. */
export async function openSink(name: string, onTrouble: (trouble: Trouble) => void): Promise<Sink> {
  const suggestedName = fileName(name, new Date());
  const { showSaveFilePicker } = window as Picker;
  if (showSaveFilePicker === undefined) return memorySink((whole) => offer(whole, suggestedName), onTrouble);
  const handle = await showSaveFilePicker.call(window, { suggestedName, types: [TYPE] });
  return fileSink(await handle.createWritable(), onTrouble);
}

/** The colon of a time is none that every system lets a file have. */
function fileName(room: string, now: Date): string {
  const time = now.toISOString().slice(0, 16).replace("T", " ").replace(":", ".");
  return `${room.replaceAll(/[^\p{L}\p{N}_-]+/gu, " ").slice(0, 80)} ${time}.webm`;
}

export function fileSink(
  file: Pick<FileSystemWritableFileStream, "write" | "close" | "abort">,
  onTrouble: (trouble: Trouble) => void,
): Sink {
  let written = Promise.resolve();
  let total = 0;
  let waiting = 0;
  return {
    write(chunk) {
      if (waiting + chunk.size > BACKLOG_BYTES_MAX) return onTrouble("failed");
      total += chunk.size;
      waiting += chunk.size;
      written = written
        .then(() => file.write(chunk))
        .then(
          () => void (waiting -= chunk.size),
          () => onTrouble("failed"),
        );
      if (total > FILE_BYTES_MAX) onTrouble("tooLong");
    },
    close: () => written.then(() => file.close()),
    drop: () => file.abort(),
  };
}

export function memorySink(keep: (whole: Blob) => void, onTrouble: (trouble: Trouble) => void): Sink {
  let chunks: Blob[] = [];
  let total = 0;
  return {
    write(chunk) {
      chunks.push(chunk);
      total += chunk.size;
      if (total > MEMORY_BYTES_MAX) onTrouble("tooLong");
    },
    async close() {
      keep(new Blob(chunks, { type: "video/webm" }));
      chunks = [];
    },
    async drop() {
      chunks = [];
    },
  };
}

/** How long a browser may take to begin to save. The file is in memory until then. */
const OFFER_MS = 60_000;

function offer(whole: Blob, name: string): void {
  const href = URL.createObjectURL(whole);
  Object.assign(document.createElement("a"), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), OFFER_MS);
}
