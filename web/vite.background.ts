/** Has the files of `@shiguredo/virtual-background` served by Allo itself, and its one script loaded as the server's policy allows. */

import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

const PACKAGE = "node_modules/@shiguredo/virtual-background";

/** What it fetches by these names. Those for processors without SIMD, which could not keep up, are left out. */
const FILES = [
  "selfie_segmentation.binarypb",
  "selfie_segmentation_landscape.tflite",
  "selfie_segmentation_solution_simd_wasm_bin.js",
  "selfie_segmentation_solution_simd_wasm_bin.wasm",
];

/** It adds its script by a mere text, which Trusted Types refuse. webrtc/background.ts says which address is one to trust. */
const UNTRUSTED = `b.setAttribute("src",a)`;
const TRUSTED = `b.src=globalThis.alloScriptUrl(a)`;

export function background(): Plugin {
  const { version } = JSON.parse(readFileSync(`${PACKAGE}/package.json`, "utf8")) as { version: string };
  // The version is in the path, for whoever has fetched them never asks again.
  const folder = `assets/background-${version}`;
  let isServing = false;
  return {
    name: "allo-background",
    config: (_, { command }) => {
      isServing = command === "serve";
      const served = isServing ? `/${PACKAGE}/dist` : `/${folder}`;
      return { define: { __BACKGROUND_FILES__: JSON.stringify(served) }, optimizeDeps: { exclude: [PACKAGE] } };
    },
    transform: {
      filter: { id: /virtual_background\.mjs$/u },
      handler(code) {
        if (code.split(UNTRUSTED).length !== 2) this.error("it loads its script in another way than before");
        return { code: code.replace(UNTRUSTED, TRUSTED), map: null };
      },
    },
    generateBundle() {
      for (const name of FILES) {
        const source = readFileSync(`${PACKAGE}/dist/${name}`);
        this.emitFile({ type: "asset", fileName: `${folder}/${name}`, source });
      }
    },
  };
}
