import { defineConfig } from "@playwright/test";
import type { Options } from "./e2e/support/test";

/** Measurements, which say nothing on a machine that does other things. They run when they are asked for. */
export default defineConfig<Options>({
  testDir: "bench",
  testMatch: "*.bench.ts",
  outputDir: "test-results/bench",
  workers: 1,
  timeout: 120_000,
  reporter: [["list"]],
  projects: [{ name: "chromium", use: { kind: "chromium" } }],
});
