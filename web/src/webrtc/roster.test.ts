import { expect, test } from "vitest";
import type { Participant } from "../protocol/messages";
import { PARTICIPANTS_MAX } from "./decode";
import { afterChange, fromSnapshot, missing, withoutAwaited, type Roster, type Snapshot } from "./roster";

const person = (id: string, mic = true): Participant => ({
  id,
  displayName: id,
  mic,
  cam: true,
  screen: false,
  connection: "online",
});

const snapshot = (you: string, participants: readonly Participant[], resumed: boolean): Snapshot => ({
  type: "snapshot",
  version: 4,
  room: "family",
  you,
  participants,
  topology: "mesh",
  topologyChoice: "auto",
  resumed,
});
const roster = fromSnapshot(snapshot("ada", [person("grace"), person("ada")], false));

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
  const joined = afterChange(roster, { type: "participantJoined", version: 5, participant: person("grace", false) });
  expect(joined).toMatchObject({ participants: [{ id: "grace", mic: false }, { id: "ada" }] });
});

test("whom a restarted server does not know yet is reconnecting, in the same place", () => {
  const back = fromSnapshot(snapshot("ada", [person("ada"), person("alan")], false), roster);
  expect(ids(back)).toEqual(["grace", "ada", "alan"]);
  expect(back.participants[0]).toMatchObject({ connection: "reconnecting" });
  expect(missing(back), "nobody vouches to a server that does not know them").toEqual([]);
  expect(ids(withoutAwaited(back))).toEqual(["ada", "alan"]);
});

test("whoever comes back or leaves is not awaited any more", () => {
  const back = fromSnapshot(snapshot("ada", [person("ada")], false), roster);
  const joined = afterChange(back, { type: "participantJoined", version: 5, participant: person("grace") });
  expect(joined).toMatchObject({ participants: [{ id: "grace", connection: "online" }, { id: "ada" }] });
  expect(joined).toMatchObject({ awaited: new Set() });
  const left = afterChange(back, { type: "participantLeft", version: 5, participant: "grace", reason: "left" });
  expect(left).toMatchObject({ participants: [{ id: "ada" }], awaited: new Set() });
});

test("a snapshot after a gap ends no waiting", () => {
  const back = fromSnapshot(snapshot("ada", [person("ada")], false), roster);
  expect(ids(fromSnapshot(snapshot("ada", [person("ada"), person("alan")], true), back))).toEqual([
    "grace",
    "ada",
    "alan",
  ]);
});

test("who is somebody else oneself awaits nobody", () => {
  expect(ids(fromSnapshot(snapshot("newAda", [person("newAda")], false), roster))).toEqual(["newAda"]);
});

test("another topology changes nobody", () => {
  const changed = afterChange(roster, { type: "topologyChanged", version: 5, topology: "sfu" });
  expect(changed).toEqual({ ...roster, version: 5, topology: "sfu" });
});

test("there are no more people than a snapshot can hold, whoever joins and whoever is awaited", () => {
  const crowd = Array.from({ length: PARTICIPANTS_MAX - 1 }, (_, n) => person(`p${n}`));
  const full = fromSnapshot(snapshot("ada", [person("ada"), ...crowd], false));
  const joined = afterChange(full, { type: "participantJoined", version: 5, participant: person("alan") });
  expect(joined).toMatchObject({ version: 5, participants: full.participants });
  const back = fromSnapshot(snapshot("ada", [person("ada"), person("alan")], false), full);
  expect(back.participants).toHaveLength(PARTICIPANTS_MAX);
  expect(back.participants).toContainEqual(person("alan"));
});
