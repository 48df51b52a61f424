import svelte from "eslint-plugin-svelte";
import { defineConfig, globalIgnores } from "eslint/config";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

/** Imports that a folder must not have, with the reason. Types may cross where `allowTypes` says so. */
const noImport = (group, message, allowTypes = false) => [
  "error",
  { patterns: [{ group, message, allowTypeImports: allowTypes }] },
];

/** What a page has and a pure function has not. The compiler knows no DOM in app/; this adds what every JavaScript has. */
const IMPURE = [
  "console",
  "crypto",
  "fetch",
  "performance",
  "queueMicrotask",
  "setInterval",
  "setTimeout",
  "structuredClone",
];

const TEXT = "Text from others is shown as text.";

export default defineConfig(
  globalIgnores(["dist", "test-results", "playwright-report", "src/protocol"]),
  ts.configs.recommended,
  svelte.configs.recommended,
  {
    rules: {
      "no-console": "error",
      "no-eval": "error",
      eqeqeq: ["error", "smart"],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      // The server's policy refuses them as well (Trusted Types).
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => ({ property, message: TEXT })),
        { object: "document", property: "write", message: TEXT },
      ],
      // TypeScript knows the names.
      "no-undef": "off",
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: [".svelte"], svelteConfig } },
    rules: {
      "svelte/no-at-html-tags": "error",
      "no-restricted-syntax": [
        "error",
        {
          selector: "SvelteAttribute[key.name='style']",
          message: "The server's policy refuses style attributes; `style:name` sets a property instead.",
        },
      ],
      "svelte/button-has-type": "error",
      // The page has a router of ten lines, not SvelteKit's.
      "svelte/no-navigation-without-resolve": "off",
    },
  },
  {
    files: ["src/view/**"],
    ignores: ["src/view/**/*.test.ts"],
    rules: {
      "@typescript-eslint/no-restricted-imports": noImport(
        ["**/runtime/*", "**/webrtc/*"],
        "The view draws a model; it knows no handles.",
        true,
      ),
    },
  },
  {
    files: ["src/app/**"],
    rules: {
      "@typescript-eslint/no-restricted-imports": noImport(
        ["**/view/*", "**/runtime/*", "**/webrtc/*", "svelte", "svelte/*"],
        "app/ is pure: it knows no view and no browser.",
        true,
      ),
      "no-restricted-globals": ["error", "window", "document", "navigator", "location", "localStorage", ...IMPURE],
      "no-restricted-properties": [
        "error",
        { object: "Math", property: "random", message: "Chance comes in a message." },
        { object: "Date", property: "now", message: "Time comes in a message." },
      ],
    },
  },
  {
    files: ["src/webrtc/**"],
    rules: {
      "@typescript-eslint/no-restricted-imports": noImport(
        ["**/app/*", "**/view/*", "**/runtime/*", "svelte", "svelte/*"],
        "webrtc/ is usable without the page.",
      ),
    },
  },
  {
    files: ["e2e/**", "bench/**", "scripts/**", "*.ts", "*.js"],
    rules: { "no-console": "off", "no-empty-pattern": "off" },
  },
  {
    // A test that is wrong about what is there fails anyhow.
    files: ["e2e/**", "src/**/*.test.ts"],
    rules: { "@typescript-eslint/no-non-null-assertion": "off" },
  },
);
