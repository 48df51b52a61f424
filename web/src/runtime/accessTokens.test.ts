import { afterEach, expect, test, vi } from "vitest";
import { accessTokens } from "./accessTokens";

/** Opens a page at an address; returns what its address bar shows from then on. */
function openAt(
  pathname: string,
  hash: string,
  storage: Pick<Storage, "getItem" | "setItem"> = memory(),
): () => string {
  const address = { pathname, search: "?topology=sfu", hash };
  vi.stubGlobal("location", address);
  vi.stubGlobal("history", {
    replaceState: (_state: unknown, _title: string, url: string) => Object.assign(address, parts(url)),
  });
  vi.stubGlobal("sessionStorage", storage);
  return () => address.pathname + address.search + address.hash;
}

function parts(url: string): { readonly pathname: string; readonly search: string; readonly hash: string } {
  const { pathname, search, hash } = new URL(url, "https://allo.example");
  return { pathname, search, hash };
}

function memory(): Pick<Storage, "getItem" | "setItem"> {
  const items = new Map<string, string>();
  return { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => void items.set(key, value) };
}

const refusing = {
  getItem: (): never => {
    throw new Error("no storage here");
  },
  setItem: (): never => {
    throw new Error("no storage here");
  },
};

afterEach(() => vi.unstubAllGlobals());

test("a token leaves the address bar, and is for the room of the link alone", () => {
  const shown = openAt("/alone", "#token=a.b.c");
  const tokens = accessTokens();
  expect(shown()).toBe("/alone?topology=sfu");
  expect(tokens.of("alone")).toBe("a.b.c");
  expect(tokens.of("another")).toBeUndefined();
});

test("a token outlives a reload of its tab", async () => {
  const storage = memory();
  openAt("/reloaded", "#token=a.b.c", storage);
  accessTokens();
  vi.resetModules();
  openAt("/reloaded", "", storage);
  const reloaded = await import("./accessTokens");
  expect(reloaded.accessTokens().of("reloaded")).toBe("a.b.c");
});

test("a token is good in a tab that may store nothing", () => {
  openAt("/stubborn", "#token=a.b.c", refusing);
  const tokens = accessTokens();
  expect(tokens.of("stubborn")).toBe("a.b.c");
  expect(tokens.of("another")).toBeUndefined();
});

test("a link that is opened in a tab that is there already brings another token", () => {
  const storage = memory();
  openAt("/again", "#token=first", storage);
  const tokens = accessTokens();
  const shown = openAt("/again", "#token=second", storage);
  expect(tokens.of("again")).toBe("second");
  expect(shown()).toBe("/again?topology=sfu");
});

test("what can be no token is left alone", () => {
  for (const hash of ["", "#token=", "#token=a b", "#token=<b>", "#owner=a", `#token=${"x".repeat(4097)}`]) {
    const shown = openAt("/none", hash);
    expect(accessTokens().of("none"), hash).toBeUndefined();
    expect(shown(), hash).toBe(`/none?topology=sfu${hash}`);
  }
});

test("a token at a page that is no room's is only taken from sight", () => {
  const shown = openAt("/", "#token=a.b.c");
  expect(accessTokens().of("")).toBeUndefined();
  expect(shown()).toBe("/?topology=sfu");
});
