import { expect, test } from "vitest";
import { BACKLOG_BYTES_MAX, fileSink, FILE_BYTES_MAX, memorySink, MEMORY_BYTES_MAX, type Trouble } from "./sink";

/** A piece that says how large it is, and is not. */
const piece = (size: number): Blob => ({ size }) as Blob;

function disk(isSlow = false) {
  const done: string[] = [];
  const troubles: Trouble[] = [];
  const file = {
    write: (chunk: unknown) => (isSlow ? new Promise<void>(() => {}) : chunk === null ? fail() : note("written")),
    close: () => note("closed"),
    abort: () => note("dropped"),
  };
  const note = async (what: string): Promise<void> => void done.push(what);
  const fail = async (): Promise<void> => Promise.reject(new Error("full"));
  const sink = fileSink(file as unknown as FileSystemWritableFileStream, (met) => troubles.push(met));
  return { sink, done, troubles };
}

test("a file is closed only when all of it is written", async () => {
  const { sink, done, troubles } = disk();
  for (const size of [1, 2]) sink.write(piece(size));
  await sink.close();
  expect(done).toEqual(["written", "written", "closed"]);
  expect(troubles).toEqual([]);
});

test("a recording that becomes too long ends, on disk and in memory", async () => {
  const { sink, troubles } = disk();
  const part = BACKLOG_BYTES_MAX / 2;
  for (let total = 0; total <= FILE_BYTES_MAX; total += part) {
    sink.write(piece(part));
    await Promise.resolve().then(() => undefined);
    await new Promise<void>((resolve) => queueMicrotask(resolve));
  }
  expect(troubles).toEqual(["tooLong"]);

  const met: Trouble[] = [];
  const memory = memorySink(
    () => undefined,
    (trouble) => met.push(trouble),
  );
  memory.write(piece(MEMORY_BYTES_MAX));
  expect(met).toEqual([]);
  memory.write(piece(1));
  expect(met).toEqual(["tooLong"]);
});

test("a disk that is too slow ends it, instead of filling the memory", () => {
  const { sink, troubles } = disk(true);
  sink.write(piece(BACKLOG_BYTES_MAX));
  expect(troubles).toEqual([]);
  sink.write(piece(1));
  expect(troubles).toEqual(["failed"]);
});
