import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { background } from "./vite.background.ts";

/** Where a contributor's own `allo` listens. It serves `localhost` without TLS, and lets pages of the same `Host` connect. */
const SERVER = { target: "http://localhost:8443" } as const;

export default defineConfig({
  plugins: [svelte(), background()],
  build: {
    target: "es2022",
    // The browsers that WebRTC's perfect negotiation and the native dialogs want are newer than these.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // The server's policy allows no data: address, and the polyfill would be an inline script.
    assetsInlineLimit: 0,
    modulePreload: false,
    sourcemap: false,
    // What the dialogs share with the page stays in the page: one file to fetch, and one to compress.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "page", test: /src[\\/]main\.ts$/u }] } } },
  },
  server: { proxy: { "/ws": { ...SERVER, ws: true }, "/config.json": SERVER } },
});
