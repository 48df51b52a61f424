/** Access tokens, and a server that lets nobody in without one. */

import { createHmac } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SECRET = "0123456789abcdef0123456789abcdef";
const AUDIENCE = "meet.example.org";

export type TokenKey = {
  /** What the server has to be told of it. */
  readonly flags: readonly string[];
  readonly remove: () => Promise<void>;
};

export async function tokenKey(): Promise<TokenKey> {
  const folder = await mkdtemp(join(tmpdir(), "allo-tokens-"));
  const file = join(folder, "key");
  await writeFile(file, SECRET);
  return {
    flags: ["--token-key", `HS256 ${file}`, "--token-audience", AUDIENCE, "--token-required", "on"],
    remove: () => rm(folder, { recursive: true }),
  };
}

/** Returns a token of an owner, which is good for an hour. */
export function token(room: string, name: string): string {
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const signed = [
    { alg: "HS256", typ: "JWT" },
    { room, name, role: "owner", aud: AUDIENCE, exp },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}
