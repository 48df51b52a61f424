import { afterEach, expect, test, vi } from "vitest";
import { loadConfiguration } from "./configuration";

/** Opens a page at an address, of a server with this answer; returns what its address bar shows from then on. */
function openAt(hash: string, answer: () => unknown): () => string {
  const address = { pathname: "/family", search: "?topology=sfu", hash };
  let shown = address.pathname + address.search + hash;
  vi.stubGlobal("location", address);
  vi.stubGlobal("history", {
    replaceState: (_state: unknown, _title: string, url: string) => {
      shown = url;
    },
  });
  vi.stubGlobal("fetch", async () => ({ json: async () => answer() }));
  return () => shown;
}

afterEach(() => vi.unstubAllGlobals());

test("a failed sign-in is known, and leaves the address bar", async () => {
  const shown = openAt("#login-failed", () => ({ negotiation: "simple", login: { signedIn: false } }));
  expect(await loadConfiguration()).toEqual({
    negotiation: "simple",
    login: { isSignedIn: false, name: null, hasFailed: true },
  });
  expect(shown()).toBe("/family?topology=sfu");
});

test("who has signed in is known, and another fragment is left alone", async () => {
  const shown = openAt("#owner=a", () => ({ login: { signedIn: true, name: "Ada" } }));
  expect((await loadConfiguration()).login).toEqual({ isSignedIn: true, name: "Ada", hasFailed: false });
  expect(shown()).toBe("/family?topology=sfu#owner=a");
});

test("where nobody can sign in, the word of a failure is only taken from sight", async () => {
  const shown = openAt("#login-failed", () => ({ negotiation: "perfect" }));
  expect((await loadConfiguration()).login).toBeNull();
  expect(shown()).toBe("/family?topology=sfu");
});

test("an odd answer, or none, leaves the defaults", async () => {
  const silent = (): never => {
    throw new Error("no answer");
  };
  for (const answer of [silent, () => null, () => "text", () => ({ negotiation: 7 })]) {
    openAt("", answer);
    expect(await loadConfiguration()).toEqual({ negotiation: "perfect", login: null });
  }
  openAt("", () => ({ login: { signedIn: "yes", name: 7 } }));
  expect((await loadConfiguration()).login).toEqual({ isSignedIn: false, name: null, hasFailed: false });
});
