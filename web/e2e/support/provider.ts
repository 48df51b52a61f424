/** A provider that people sign in at, as a process of its own. */

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type Provider = {
  /** What the server has to be told of it. */
  readonly flags: readonly string[];
  /** Begins to let people in who are to be sent back to this server. */
  readonly serve: (origin: string) => Promise<void>;
  readonly stop: () => Promise<void>;
};

const PROGRAM = fileURLToPath(new URL("./provider.mjs", import.meta.url));

export async function startProvider(): Promise<Provider> {
  const folder = await mkdtemp(join(tmpdir(), "allo-provider-"));
  const secret = join(folder, "secret");
  await writeFile(secret, "a secret of more than thirty-two letters\n");
  const child = spawn(process.execPath, [PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const issuer = String((await lines.next()).value);
  return {
    flags: ["--oidc-issuer", issuer, "--oidc-client-id", "allo", "--oidc-client-secret", secret],
    serve: async (origin) => {
      child.stdin.write(`${origin}/login/done\n`);
      await lines.next();
    },
    stop: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}
