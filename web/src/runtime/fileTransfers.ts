/** The bytes of files on the data channel of the session: parts that are asked for, and parts that come. See docs/protocol.md. */

import type { Dispatch } from "../app/message";
import type { FileId } from "../protocol/messages";
import { heldFile } from "../view/heldFiles";
import type { Session } from "./session";

export type FileTransfers = {
  readonly serve: (file: FileId, reference: number) => void;
  readonly open: () => void;
  readonly take: (file: FileId, fileName: string, bytes: number) => void;
  readonly drop: (file: FileId) => void;
};

const PART_BYTES = 16_384;
const HEAD_BYTES = 12;
const WANT = 1;
const PART = 2;

/** Lower: the page is busy with drawing bars. */
const PROGRESS_MS = 250;
/** A browser needs the address of what it saves for a while after the click. */
const SAVING_MS = 60_000;

type Coming = {
  readonly fileName: string;
  readonly bytes: number;
  /** By their places. A `Blob` of each, which a browser may put on disk. */
  readonly parts: Map<number, Blob>;
  done: number;
};

type Served = { readonly content: File; done: number };

export function fileTransfers({
  dispatch,
  session,
}: {
  readonly dispatch: Dispatch;
  readonly session: Pick<Session, "fileChannel">;
}): FileTransfers {
  const coming = new Map<FileId, Coming>();
  const served = new Map<FileId, Served>();
  const heard = new WeakSet<RTCDataChannel>();
  const told = new Map<FileId, number>();
  let answers = Promise.resolve();

  /** Has the channel of the present session, whichever that is. */
  function open(): void {
    const channel = session.fileChannel();
    if (channel === undefined || heard.has(channel)) return;
    heard.add(channel);
    channel.binaryType = "arraybuffer";
    channel.addEventListener("message", ({ data }) => {
      if (data instanceof ArrayBuffer && data.byteLength >= HEAD_BYTES) handle(channel, data);
    });
  }

  function handle(channel: RTCDataChannel, message: ArrayBuffer): void {
    const head = new DataView(message);
    const [kind, file, place] = [head.getUint32(0), head.getUint32(4), head.getUint32(8)];
    // One after the other: the server takes parts in the order in which it asked.
    if (kind === WANT) answers = answers.then(() => answer(channel, file, place)).catch(() => undefined);
    else if (kind === PART) keep(file, place, message.slice(HEAD_BYTES));
  }

  async function answer(channel: RTCDataChannel, file: FileId, place: number): Promise<void> {
    const own = served.get(file);
    if (own === undefined) return;
    const bytes = await own.content.slice(place, place + PART_BYTES).arrayBuffer();
    const part = new Uint8Array(HEAD_BYTES + bytes.byteLength);
    const head = new DataView(part.buffer);
    [PART, file, place].forEach((value, index) => head.setUint32(4 * index, value));
    part.set(new Uint8Array(bytes), HEAD_BYTES);
    channel.send(part);
    own.done += bytes.byteLength;
    tell(file, own.done, own.content.size);
  }

  function keep(file: FileId, place: number, bytes: ArrayBuffer): void {
    const it = coming.get(file);
    if (it === undefined || it.parts.has(place) || place % PART_BYTES !== 0 || place >= it.bytes) return;
    if (bytes.byteLength !== Math.min(PART_BYTES, it.bytes - place)) return;
    it.parts.set(place, new Blob([bytes]));
    it.done += bytes.byteLength;
    tell(file, it.done, it.bytes);
    if (it.done < it.bytes) return;
    drop(file);
    save(it);
    dispatch({ type: "fileSaved", file });
  }

  function tell(file: FileId, done: number, bytes: number): void {
    const now = performance.now();
    if (done < bytes && now - (told.get(file) ?? -PROGRESS_MS) < PROGRESS_MS) return;
    told.set(file, now);
    dispatch({ type: "fileProgressed", file, done });
  }

  function drop(file: FileId): void {
    coming.delete(file);
    served.delete(file);
    told.delete(file);
  }

  return {
    serve(file, reference) {
      const content = heldFile(reference);
      if (content !== undefined) served.set(file, { content, done: 0 });
    },
    open,
    take(file, fileName, bytes) {
      open();
      coming.set(file, { fileName, bytes, parts: new Map(), done: 0 });
    },
    drop,
  };
}

/** Hands a file to the browser to be saved. It is never opened here, whatever it says that it is. */
function save({ fileName, parts }: Coming): void {
  const inOrder = [...parts].toSorted(([a], [b]) => a - b).map(([, part]) => part);
  const url = URL.createObjectURL(new Blob(inOrder, { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), SAVING_MS);
}
