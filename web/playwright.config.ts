import { defineConfig } from "@playwright/test";
import type { Options } from "./e2e/support/test";

/** What is worth seeing in either browser by itself. Specs with two browsers launch both, and run once. */
const EITHER = ["screens.spec.ts", "preJoin.spec.ts", "keyboard.spec.ts", "names.spec.ts"];

export default defineConfig<Options>({
  testDir: "e2e",
  outputDir: "test-results",
  // Browsers with cameras and encoders: two at a time are what a small machine bears without freezing.
  workers: 1,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  forbidOnly: true,
  reporter: [["list"]],
  projects: [
    { name: "chromium", use: { kind: "chromium" } },
    { name: "firefox", use: { kind: "firefox" }, testMatch: EITHER },
  ],
});
