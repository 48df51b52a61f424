import { expect, test } from "vitest";
import type { Participant } from "../protocol/messages";
import { afterChange, fromSnapshot, type Roster } from "./roster";

const person = (id: string, mic = true): Participant => ({
  id,
  displayName: id,
  mic,
  cam: true,
  screen: false,
  connection: "online",
});

const roster = fromSnapshot({
  type: "snapshot",
  version: 4,
  room: "family",
  you: "ada",
  participants: [person("grace"), person("ada")],
  topology: "mesh",
  topologyChoice: "auto",
});

const ids = (it: Roster | "gap"): unknown => (it === "gap" ? it : it.participants.map(({ id }) => id));

test("the next change is applied", () => {
  const joined = afterChange(roster, { type: "participantJoined", version: 5, participant: person("alan") });
  expect(ids(joined)).toEqual(["grace", "ada", "alan"]);
  expect(joined).toMatchObject({ version: 5, self: "ada", room: "family" });
  const left = afterChange(roster, { type: "participantLeft", version: 5, participant: "grace", reason: "left" });
  expect(ids(left)).toEqual(["ada"]);
});

test("who is updated keeps their place", () => {
  const updated = afterChange(roster, { type: "participantUpdated", version: 5, participant: person("grace", false) });
  expect(ids(updated)).toEqual(["grace", "ada"]);
  expect(updated).toMatchObject({ participants: [{ mic: false }, { mic: true }] });
});

test("an old change is ignored", () => {
  expect(afterChange(roster, { type: "participantLeft", version: 4, participant: "ada", reason: "lost" })).toBe(roster);
});

test("a missed change is a gap", () => {
  expect(afterChange(roster, { type: "participantLeft", version: 6, participant: "ada", reason: "lost" })).toBe("gap");
});

test("nobody is there twice", () => {
  const joined = afterChange(roster, { type: "participantJoined", version: 5, participant: person("grace") });
  expect(ids(joined)).toEqual(["ada", "grace"]);
});

test("another topology changes nobody", () => {
  const changed = afterChange(roster, { type: "topologyChanged", version: 5, topology: "sfu" });
  expect(changed).toEqual({ ...roster, version: 5, topology: "sfu" });
});
