/** Says how much the page's first load weighs, compressed as the server sends it, and fails when it is too much. */

import { readFileSync } from "node:fs";
import { brotliCompressSync } from "node:zlib";

/** What a slow telephone loads in well under two seconds. */
const LIMIT = 80_000;

const dist = new URL("../dist/", import.meta.url);
const html = readFileSync(new URL("index.html", dist), "utf8");
const scripts = [...html.matchAll(/<script[^>]+src="\/([^"]+)"/g)].map(([, path]) => path);
const styles = [...html.matchAll(/<link[^>]+rel="stylesheet"[^>]+href="\/([^"]+)"/g)].map(([, path]) => path);
const first = withStaticImports([...scripts, ...styles]);
if (scripts.length === 0 || styles.length === 0) throw new Error("dist/index.html names no script or no style sheet");

const sizes = first.map((path) => ({ path, bytes: brotliCompressSync(readFileSync(new URL(path, dist))).length }));
for (const { path, bytes } of sizes) console.log(`${bytes.toString().padStart(7)}  ${path}`);
const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
console.log(
  `${total.toString().padStart(7)}  bytes of scripts and styles at first load (brotli); the limit is ${LIMIT}`,
);
if (total > LIMIT) process.exitCode = 1;

/** Adds what the scripts import at once, as opposed to later with `import()`. */
function withStaticImports(paths) {
  const found = new Set(paths);
  for (const path of found) {
    if (!path.endsWith(".js")) continue;
    const source = readFileSync(new URL(path, dist), "utf8");
    for (const [, name] of source.matchAll(/(?:^|[;}\s])import(?:[^"'();]*from)?\s*["']\.\/([^"']+)["']/g)) {
      found.add(path.replace(/[^/]+$/, name));
    }
  }
  return [...found];
}
