import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import schema from "../protocol/schema.json";
import { decode, MESSAGE_LENGTH_MAX } from "./decode";

type Example = { readonly type: string } & Record<string, unknown>;

const page = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8");
const [, fromClient = "", fromServer = ""] = page.split(/^## Messages from the (?:client|server)$/m);
const clientExamples = examplesIn(fromClient);
const serverExamples = examplesIn(fromServer);

function examplesIn(section: string): Example[] {
  return [...section.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, json]) => JSON.parse(json ?? "") as Example);
}

// `format` here tells the width of integers to Rust; JSON Schema has no such format.
const ajv = new Ajv2020({ formats: { uint8: true, uint16: true, uint32: true } }).addSchema(schema, "protocol");
const isValid = (definition: string, message: unknown): boolean =>
  ajv.validate({ $ref: `protocol#/$defs/${definition}` }, message);

/** The names that the schema gives to the messages of one side. */
const typesOf = (definition: "ClientMessage" | "ServerMessage"): string[] =>
  schema.$defs[definition].oneOf.map(({ properties }) => properties.type.const);

describe("the examples of docs/protocol.md", () => {
  test("show every message", () => {
    expect(new Set(clientExamples.map(({ type }) => type))).toEqual(new Set(typesOf("ClientMessage")));
    expect(new Set(serverExamples.map(({ type }) => type))).toEqual(new Set(typesOf("ServerMessage")));
  });

  test.each(clientExamples.map((it) => [it.type, it]))("%s of the client is valid", (_, example) => {
    expect(isValid("ClientMessage", example), ajv.errorsText()).toBe(true);
  });

  test.each(serverExamples.map((it) => [it.type, it]))("%s of the server is valid, and decoded whole", (_, example) => {
    expect(isValid("ServerMessage", example), ajv.errorsText()).toBe(true);
    expect(decode(JSON.stringify(example))).toEqual({ outcome: "message", message: example });
  });

  test.each(serverExamples.map((it) => [it.type, it]))("%s is refused without any one of its fields", (_, example) => {
    const { required } = schema.$defs.ServerMessage.oneOf.find((it) => it.properties.type.const === example.type)!;
    for (const field of required) {
      const rest = Object.fromEntries(Object.entries(example).filter(([name]) => name !== field));
      expect(decode(JSON.stringify(rest)).outcome, field).toBe("malformed");
    }
  });
});

describe("what is new", () => {
  test("an unknown type is left to be ignored", () => {
    expect(decode('{"type":"confettiThrown"}')).toEqual({ outcome: "unknown" });
    expect(decode('{"type":"toString"}')).toEqual({ outcome: "unknown" });
    expect(decode('{"type":"__proto__"}')).toEqual({ outcome: "unknown" });
  });

  test("an unknown field is left behind", () => {
    expect(decode('{"type":"ping","urgent":true}')).toEqual({ outcome: "message", message: { type: "ping" } });
  });

  test("an unknown name in an enumeration gets the harmless meaning", () => {
    const participant = { id: "p1", displayName: "Ada", mic: true, cam: true, screen: false, connection: "telepathic" };
    expect(decode(JSON.stringify({ type: "participantJoined", version: 1, participant }))).toMatchObject({
      message: { participant: { connection: "online" } },
    });
    const slots = [
      { mid: "4", participant: "p1", source: "smell", paused: false },
      { mid: "5", participant: "p1", source: "cam", paused: false },
    ];
    expect(decode(JSON.stringify({ type: "slots", session: 1, slots }))).toMatchObject({
      message: { slots: [{ mid: "5" }] },
    });
    expect(decode('{"type":"error","code":"moonInTheWay","text":"?","fatal":false}')).toMatchObject({
      message: { code: "badServerMessage", text: "?" },
    });
  });
});

describe("hostile messages (bounds)", () => {
  const snapshot = (participants: unknown, you: unknown = "p1"): string =>
    JSON.stringify({
      type: "snapshot",
      version: 1,
      room: "family",
      you,
      participants,
      topology: "mesh",
      topologyChoice: "auto",
      resumed: true,
    });
  const ada = { id: "p1", displayName: "Ada", mic: true, cam: true, screen: false, connection: "online" };

  test.each([
    ["not JSON", "hello"],
    ["nothing", ""],
    ["null", "null"],
    ["a list", "[]"],
    ["no type", "{}"],
    ["a type that is no text", '{"type":7}'],
    ["a million participants", snapshot(Array.from({ length: 5_000 }, () => 0)).replace("0,", "0,".repeat(1_000_000))],
    ["more participants than any room", snapshot(Array.from({ length: 5_000 }, () => ({})))],
    ["a name without end", snapshot([{ ...ada, displayName: "a".repeat(100_000) }])],
    ["an id with markup", snapshot([{ ...ada, id: "<script>" }])],
    ["an id that is a number", snapshot([ada], 7)],
    ["participants that are an object", snapshot({ length: 1, 0: ada })],
    ["a version below nothing", '{"type":"participantLeft","version":-1,"participant":"p1","reason":"left"}'],
    ["a version beyond 32 bits", '{"type":"participantLeft","version":4294967296,"participant":"p1","reason":"left"}'],
    ["a version that is infinite", '{"type":"participantLeft","version":1e999,"participant":"p1","reason":"left"}'],
    ["a rollback", '{"type":"sessionDescription","from":"p1","link":1,"description":{"type":"rollback","sdp":""}}'],
    ["fields of the prototype only", '{"type":"participantJoined","version":1,"__proto__":{"participant":{}}}'],
    ["more slots than a session has lines", `{"type":"slots","session":1,"slots":[${"{},".repeat(300)}{}]}`],
    ["a line with markup", '{"type":"demand","session":1,"tracks":[{"mid":"<b>","layers":1}]}'],
    [
      "a source that is no text",
      '{"type":"slots","session":1,"slots":[{"mid":"1","participant":"p","source":7,"paused":false}]}',
    ],
    ["a deep nest", `{"type":"snapshot","participants":${"[".repeat(50_000)}${"]".repeat(50_000)}}`],
  ])("%s is refused", (_, json) => {
    expect(decode(json).outcome).toBe("malformed");
  });

  test("a message too long is not even parsed", () => {
    expect(decode(" ".repeat(MESSAGE_LENGTH_MAX) + '{"type":"ping"}').outcome).toBe("malformed");
  });

  test("__proto__ changes neither the message nor anything else", () => {
    const json = '{"type":"greet","peer":"p1","link":1,"polite":true,"__proto__":{"admin":true}}';
    const decoding = decode(json);
    expect(decoding).toEqual({ outcome: "message", message: { type: "greet", peer: "p1", link: 1, polite: true } });
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
  });

  test("the reason names the place and never repeats what is there", () => {
    expect(decode(snapshot([ada, { ...ada, mic: "secret" }]))).toEqual({
      outcome: "malformed",
      why: "snapshot.participants[1].mic is not true or false",
    });
  });

  test("nothing at all makes it throw", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.json(), fc.string(), fc.constantFrom(...serverExamples.map((it) => JSON.stringify(it)))),
        (json) => {
          decode(json);
          decode(json.slice(1));
          decode(`{"type":"snapshot","participants":${json}}`);
        },
      ),
    );
  });
});
