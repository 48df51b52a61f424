/** Headless participants, made of other code than the page: the project's client in Rust. */

import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

const BINARY =
  process.env["ALLO_CLIENT_BIN"] ?? fileURLToPath(new URL("../../../target/debug/allo-client", import.meta.url));

export type Robots = { readonly leave: () => Promise<void> };

/** Sends `count` robots into a room, with picture and sound, until they are told to leave. */
export async function sendRobots(url: string, count: number, options: readonly string[] = []): Promise<Robots> {
  const child = spawn(BINARY, ["--insecure", "--loopback", "--quiet", "--count", String(count), ...options, url], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  await started(child);
  return {
    leave: async () => {
      if (child.exitCode !== null) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.stdin?.end("leave\n");
      await ended;
    },
  };
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(new Error(`cannot run ${BINARY}; build it first`, { cause: error })));
  });
}
