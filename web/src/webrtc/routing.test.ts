import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { route, type Evidence } from "./routing";

const mesh: Evidence = {
  topology: "mesh",
  hasSession: true,
  link: "awaited",
  sessionDelivers: false,
  sessionIsProven: true,
  shown: "link",
};
const sfu: Evidence = { ...mesh, topology: "sfu" };

describe("directly between two", () => {
  test.each<[string, Partial<Evidence>, string, boolean]>([
    ["a new link is given its time", {}, "link", false],
    ["a link that delivers is enough", { link: "delivers" }, "link", false],
    ["a link that is overdue is helped out by the session", { link: "overdue" }, "link", true],
    ["the session is shown once it delivers", { link: "overdue", sessionDelivers: true }, "session", true],
    [
      "a late link takes over when it delivers",
      { link: "delivers", sessionDelivers: true, shown: "session" },
      "link",
      false,
    ],
    [
      "coming back, the session goes on until the link delivers",
      { shown: "session", sessionDelivers: true },
      "session",
      true,
    ],
    ["coming back, a pause of the session changes nothing", { shown: "session" }, "session", true],
    [
      "without a link yet, what is shown stays",
      { link: "none", shown: "session", sessionDelivers: true },
      "session",
      true,
    ],
    ["without a session there is the link only", { hasSession: false, link: "overdue" }, "link", false],
  ])("%s", (_, changes, shown, subscribes) => {
    expect(route({ ...mesh, ...changes })).toEqual({ shown, subscribes, dropsLink: false });
  });
});

describe("through the server", () => {
  test.each<[string, Partial<Evidence>, string, boolean]>([
    ["the link is shown until the session delivers", { link: "delivers" }, "link", false],
    ["even a poor link is shown until then", { link: "overdue" }, "link", false],
    [
      "the session is shown once it delivers, and the link dropped",
      { link: "delivers", sessionDelivers: true },
      "session",
      true,
    ],
    [
      "the link is kept until the session has proven itself",
      { link: "delivers", sessionDelivers: true, sessionIsProven: false },
      "session",
      false,
    ],
    ["without a link there is only the session", { link: "none" }, "session", false],
    ["a link that never came is not dropped", { link: "none", sessionDelivers: true }, "session", false],
    ["a session that stumbles is helped out by the link", { link: "delivers", shown: "session" }, "link", false],
    [
      "the session stays through a pause when the link is no better",
      { link: "awaited", shown: "session" },
      "session",
      false,
    ],
  ])("%s", (_, changes, shown, dropsLink) => {
    expect(route({ ...sfu, ...changes })).toEqual({ shown, subscribes: true, dropsLink });
  });
});

test("what is shown is given up only for what delivers, or because it is gone", () => {
  const evidence = fc.record<Evidence>({
    topology: fc.constantFrom("mesh", "sfu"),
    hasSession: fc.boolean(),
    link: fc.constantFrom("none", "awaited", "overdue", "delivers"),
    sessionDelivers: fc.boolean(),
    sessionIsProven: fc.boolean(),
    shown: fc.constantFrom("link", "session"),
  });
  fc.assert(
    fc.property(evidence, (it) => {
      const { shown, subscribes, dropsLink } = route(it);
      if (shown !== it.shown && shown === "session") expect(it.sessionDelivers || it.link === "none").toBe(true);
      if (shown !== it.shown && shown === "link") expect(it.link === "delivers" || !it.hasSession).toBe(true);
      if (shown === "session") expect(subscribes).toBe(true);
      if (dropsLink) expect(shown).toBe("session");
    }),
  );
});
