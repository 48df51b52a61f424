/** The server of the glare test: the page with the real peer connection, and the relay between two browsers. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { seeded } from "./random";
import { wire, type LinkSignal, type Wire } from "./wire";

export type Host = {
  readonly url: string;
  /** What the page is to run. */
  readonly script: string;
  /** Begins a link between two ends, and returns the wire that each speaks into. */
  readonly connect: (ends: readonly [string, string], seed: number) => readonly [Wire, Wire];
  readonly close: () => Promise<void>;
};

export async function glareHost(): Promise<Host> {
  const script = await bundle();
  const listeners = new Map<string, ServerResponse>();
  /** What was said to an end that does not listen yet. */
  const early = new Map<string, string[]>();
  const wires = new Map<string, Wire>();

  const server = createServer((request, response) => {
    const end = /^\/signals\/(\w+)$/.exec(request.url ?? "")?.[1];
    if (end && request.method === "POST") return void relay(request, response, end);
    if (end) return listen(response, end);
    if (request.url !== "/") return response.writeHead(404).end();
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Glare</title>");
  });

  async function relay(request: IncomingMessage, response: ServerResponse, from: string): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    wires.get(from)?.send(JSON.parse(Buffer.concat(chunks).toString()) as LinkSignal);
    response.writeHead(204).end();
  }

  function listen(response: ServerResponse, end: string): void {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    // Firefox says that the source is open at the first byte of the body.
    response.write(":\n\n");
    early.get(end)?.forEach((event) => response.write(event));
    early.delete(end);
    listeners.set(end, response);
  }

  function tell(end: string, signal: LinkSignal): void {
    const event = `data: ${JSON.stringify(signal)}\n\n`;
    const listener = listeners.get(end);
    if (listener) listener.write(event);
    else early.set(end, [...(early.get(end) ?? []), event]);
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    script,
    connect([one, other], seed) {
      const chance = seeded(seed);
      const between = (from: string, to: string): Wire => {
        const made = wire(seeded(chance.whole(2 ** 32)), (signal) => tell(to, signal));
        wires.set(from, made);
        return made;
      };
      return [between(one, other), between(other, one)];
    },
    close: () => close(server),
  };
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Bundles the page's part, with the sources as they are. */
async function bundle(): Promise<string> {
  const entry = fileURLToPath(new URL("page.ts", import.meta.url));
  const output = await build({
    configFile: false,
    logLevel: "error",
    build: { write: false, minify: false, target: "es2022", lib: { entry, formats: ["iife"], name: "glarePage" } },
  });
  const [result] = Array.isArray(output) ? output : [output];
  if (!result || !("output" in result)) throw new Error("the page was not bundled");
  return result.output[0].code;
}
