/** The real `allo` binary, on a port of its own, with a data folder of its own. */

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type Server = {
  readonly port: number;
  readonly origin: string;
  readonly stop: () => Promise<void>;
};

const BINARY = process.env["ALLO_BIN"] ?? fileURLToPath(new URL("../../../target/debug/allo", import.meta.url));

/** Starts one with the defaults, but for what `flags` say. */
export async function startServer(flags: readonly string[] = []): Promise<Server> {
  const data = await mkdtemp(join(tmpdir(), "allo-e2e-"));
  // Media at every address of this machine: Firefox sends none over the loopback.
  const own = ["--port", "0", "--listen", "127.0.0.1", "--media-listen", "0.0.0.0", "--data", data, "--log", "warn"];
  const child = spawn(BINARY, [...own, ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
    env: withoutOwnSettings(process.env),
  });
  const port = await portOf(child);
  return {
    port,
    origin: `https://localhost:${port}`,
    stop: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
      await rm(data, { recursive: true });
    },
  };
}

/** The tests' own variables, and a developer's, are no settings for this server. */
function withoutOwnSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name !== "PORT" && !name.startsWith("ALLO_")));
}

/** Reads the port from what the program prints once it listens. */
function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new Error(`cannot run ${BINARY}; build it first`, { cause: error })));
    child.once("exit", (code) => reject(new Error(`${BINARY} ended with ${code} before it listened`)));
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    lines.on("line", (line) => {
      const port = /http:\/\/localhost:(\d+)/.exec(line)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
  });
}
