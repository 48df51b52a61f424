import { describe, expect, test } from "vitest";
import type { FileOffer } from "../protocol/messages";
import type { FileMessage } from "../webrtc/types";
import type { Message } from "./message";
import type { Model } from "./model";
import { HOSTILE } from "./testing/hostile";
import { after, inCall, pageOf, participant } from "./testing/example";

const offer = (changes: Partial<FileOffer> = {}): FileOffer => ({
  id: 5,
  reference: 3,
  from: "a",
  displayName: "Grace",
  name: "plan.pdf",
  bytes: 40_000,
  mediaType: "application/pdf",
  ageS: 0,
  ...changes,
});
const told = (message: FileMessage): Message => ({ type: "fileTold", told: message, at: 1_000_000 });
const offered = (changes: Partial<FileOffer> = {}): Message => told({ type: "fileOffered", file: offer(changes) });
const LIMIT: Message = { type: "fileLimitTold", bytes: 1_000_000 };
const [call] = after(inCall(participant("a")), LIMIT);
const { self } = pageOf(call, "room");
const files = (model: Model) => pageOf(model, "room").chat.files;
const own = (changes: Partial<FileOffer> = {}): Message => offered({ from: self, ...changes });
const chosen = (bytes: number): Message => ({
  type: "choseFiles",
  files: [{ reference: 3, name: "plan.pdf", bytes, mediaType: "" }],
});

describe("a file of one's own", () => {
  test("is offered, answered for when it is asked for, and counted", () => {
    const [, said] = after(call, chosen(40_000));
    const message = { type: "offerFile", reference: 3, name: "plan.pdf", bytes: 40_000, mediaType: "" };
    expect(said).toEqual([{ type: "say", message }]);
    const [taken, effects] = after(call, own(), told({ type: "fileAccepted", file: 5, participant: "a" }));
    expect(effects).toEqual([{ type: "openFileChannel" }]);
    expect(files(taken)[0]?.takers).toEqual(["a"]);
    const [done] = after(taken, told({ type: "fileEnded", file: 5, participant: "a", outcome: "received" }));
    expect(files(done)[0]).toMatchObject({ takers: [], received: 1 });
  });

  test("is to be had as soon as it is on offer, and from the beginning when nobody takes it any more", () => {
    const serve = { type: "serveFile", file: 5, reference: 3 };
    const [, offering] = after(call, own());
    expect(offering).toEqual([serve]);
    const [, afterSnapshot] = after(call, told({ type: "filesOffered", files: [offer({ from: self })] }));
    expect(afterSnapshot).toEqual([serve]);
    const accepted = (participant: string) => told({ type: "fileAccepted", file: 5, participant });
    const ended = (participant: string) => told({ type: "fileEnded", file: 5, participant, outcome: "received" });
    const moved: Message = { type: "fileProgressed", file: 5, done: 30_000 };
    const [one, first] = after(call, own(), accepted("a"), moved, accepted("b"), ended("a"));
    expect([files(one)[0]?.done, first]).toEqual([30_000, []]);
    const [none, last] = after(one, ended("b"));
    expect([files(none)[0]?.done, last]).toEqual([0, [serve]]);
  });

  test("is not offered if it is empty or too large", () => {
    for (const bytes of [0, 1_000_001]) {
      const [model, effects] = after(call, chosen(bytes));
      expect(model.announcement).toEqual({ kind: "fileTooBig", bytes: 1_000_000 });
      expect(effects.filter(({ type }) => type === "say")).toEqual([]);
    }
  });

  test("is taken back when it is not to be had any more", () => {
    const [, effects] = after(call, own(), { type: "clickedCancelFile", file: 5 });
    expect(effects).toEqual([{ type: "say", message: { type: "withdrawFile", file: 5 } }]);
    const [gone, dropped] = after(call, own(), told({ type: "fileWithdrawn", file: 5 }));
    expect([files(gone)[0]?.state, dropped]).toEqual(["withdrawn", [{ type: "dropFile", file: 5 }]]);
  });
});

describe("a file of somebody else", () => {
  const accepted = told({ type: "fileAccepted", file: 5, participant: self });
  const [coming] = after(call, offered(), { type: "clickedTakeFile", file: 5 }, accepted);

  test("is told like what is written", () => {
    const [model] = after(call, offered());
    expect(pageOf(model, "room").chat.unread).toBe(1);
    expect(model.announcement).toEqual({ kind: "chat", name: "Grace", text: "📎 plan.pdf" });
  });

  test("comes once it is wanted, and is there when all of it is", () => {
    const [, effects] = after(call, offered(), { type: "clickedTakeFile", file: 5 });
    expect(effects).toContainEqual({ type: "takeFile", file: 5, fileName: "plan.pdf", bytes: 40_000 });
    expect(effects).toContainEqual({ type: "say", message: { type: "acceptFile", file: 5 } });
    const [half] = after(coming, { type: "fileProgressed", file: 5, done: 20_000 });
    expect(files(half)[0]).toMatchObject({ state: "coming", done: 20_000 });
    const [saved, said] = after(half, { type: "fileSaved", file: 5 });
    expect(files(saved)[0]?.state).toBe("saved");
    expect(said).toEqual([{ type: "say", message: { type: "endFile", file: 5, received: true } }]);
  });

  test("can be had again after it was cancelled, got stuck, or was cut off", () => {
    const [cancelled, effects] = after(coming, { type: "clickedCancelFile", file: 5 });
    expect(effects).toContainEqual({ type: "say", message: { type: "endFile", file: 5, received: false } });
    const ended = (outcome: "stalled" | "interrupted") =>
      after(coming, told({ type: "fileEnded", file: 5, participant: self, outcome }))[0];
    for (const model of [cancelled, ended("stalled"), ended("interrupted")]) {
      const [again] = after(model, { type: "clickedTakeFile", file: 5 }, accepted);
      expect(files(again)[0]?.state).toBe("coming");
    }
  });

  test("can still be had after the server did not let it be taken", () => {
    const [asked] = after(call, offered(), { type: "clickedTakeFile", file: 5 });
    expect(files(asked)[0]?.state).toBe("offered");
  });

  test("is saved, though all of it came before it was told that it would", () => {
    const [model] = after(
      call,
      offered(),
      { type: "clickedTakeFile", file: 5 },
      { type: "fileSaved", file: 5 },
      accepted,
    );
    expect(files(model)[0]?.state).toBe("saved");
  });

  test("is gone after a snapshot that does not tell of it, and goes on after one that does", () => {
    const snapshot = (list: readonly FileOffer[]) => told({ type: "filesOffered", files: list });
    const [gone] = after(call, offered(), snapshot([]));
    expect(files(gone)[0]?.state).toBe("withdrawn");
    const [back] = after(coming, snapshot([]), snapshot([offer()]));
    expect(files(back).map(({ state }) => state)).toEqual(["coming"]);
  });

  test.each(HOSTILE)("has a name that is text: %s", (name) => {
    const [model] = after(call, offered({ name }));
    expect(files(model)[0]?.fileName).toBe(name);
  });
});
