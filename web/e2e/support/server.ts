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
  /** Kills it, which it cannot even notice, and starts it again with the same data at the same port. */
  readonly crash: () => Promise<void>;
  /** Ends it as an operator does, does something, and starts it again with the same data at the same port. */
  readonly restart: (meanwhile: () => Promise<void>) => Promise<void>;
  readonly stop: () => Promise<void>;
};

const BINARY = process.env["ALLO_BIN"] ?? fileURLToPath(new URL("../../../target/debug/allo", import.meta.url));

/** What it is told unless a test says otherwise. Media at every address of this machine: Firefox sends none over the loopback. */
const ADDRESSES = ["--listen", "127.0.0.1", "--media-listen", "0.0.0.0"];

/** Starts one with the defaults, but for what `flags` say. */
export async function startServer(flags: readonly string[] = []): Promise<Server> {
  const data = await mkdtemp(join(tmpdir(), "allo-e2e-"));
  const addresses = flags.includes("--listen") ? [] : ADDRESSES;
  const start = (port: number): ChildProcess => {
    const own = [...addresses, "--data", data, "--log", "warn"];
    return spawn(BINARY, ["--port", String(port), ...own, ...flags], {
      stdio: ["ignore", "pipe", "inherit"],
      env: withoutOwnSettings(process.env),
    });
  };
  let child = start(0);
  const port = await portOf(child);
  return {
    port,
    origin: `https://localhost:${port}`,
    crash: async () => {
      await end(child, "SIGKILL");
      child = start(port);
      await portOf(child);
    },
    restart: async (meanwhile) => {
      await end(child, "SIGTERM");
      await meanwhile();
      child = start(port);
      await portOf(child);
    },
    stop: async () => {
      await end(child, "SIGTERM");
      await rm(data, { recursive: true });
    },
  };
}

async function end(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await ended;
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
