/** No sentence is in a component: all of them are in the dictionaries, so that every language has them. */

import { readdirSync, readFileSync } from "node:fs";
import { parse } from "svelte/compiler";
import { describe, expect, test } from "vitest";
import { de } from "../app/text/de";
import { en } from "../app/text/en";
import { fr } from "../app/text/fr";
import { it } from "../app/text/it";
import { pt } from "../app/text/pt";
import { es } from "../app/text/es";

/** The product's name, and languages in their own words for those who cannot read the present one. */
const SAME_EVERYWHERE = new Set(["Allo", ...[de, en, es, fr, it, pt].map(({ languageName }) => languageName)]);

/** Attributes whose values people read or hear. */
const SPOKEN = new Set(["title", "alt", "placeholder", "aria-label", "aria-description", "aria-roledescription"]);

const folder = new URL("./", import.meta.url);
const components = readdirSync(folder).filter((name) => name.endsWith(".svelte"));

describe("the words that people read", () => {
  test.each(components)("come from the dictionaries in %s", (name) => {
    expect(ownWords(readFileSync(new URL(name, folder), "utf8"))).toEqual([]);
  });

  test("are found by this test where they are written into markup", () => {
    expect(ownWords("<p>Hello</p>")).toEqual(["Hello"]);
    expect(ownWords('<img alt="A cat">')).toEqual(["A cat"]);
    expect(ownWords('<p>{isIt ? "Yes" : "No way"}</p>')).toEqual(["Yes", "No way"]);
    expect(ownWords("<p>{`Hello ${name}`}</p>")).toEqual(["Hello"]);
    expect(ownWords('<script>const words = { a: "Good day" };</script>')).toEqual(["Good day"]);
    expect(ownWords('<p class="Big soft" dir="auto">{text.hello}</p>')).toEqual([]);
  });
});

type Node = { readonly type: string; readonly [key: string]: unknown };

function ownWords(source: string): string[] {
  const tree = parse(source, { modern: true });
  const found: string[] = [];
  collect(tree.fragment as unknown as Node, found);
  if (tree.instance) collect(tree.instance.content as unknown as Node, found);
  return found.filter((words) => !SAME_EVERYWHERE.has(words));
}

function collect(node: Node, found: string[]): void {
  if (node.type === "ImportDeclaration" || node.type.startsWith("TS") || node.type === "StyleDirective") return;
  if (node.type === "Attribute" && !SPOKEN.has(String(node["name"])) && Array.isArray(node["value"])) return;
  const markup = node.type === "Text" ? String(node["data"]).trim() : "";
  if (/\p{L}{2}/u.test(markup)) found.push(markup);
  const code = codeText(node).trim();
  if (isProse(code)) found.push(code);
  for (const child of Object.values(node).flat()) if (isNode(child)) collect(child, found);
}

function codeText(node: Node): string {
  if (node.type === "TemplateElement") return (node["value"] as { raw: string }).raw;
  return node.type === "Literal" && typeof node["value"] === "string" ? node["value"] : "";
}

/** In code, keys and class names begin with a small letter and have no spaces, and names of keys are in camel case. */
function isProse(words: string): boolean {
  return /^\p{Lu}\p{Ll}+$/u.test(words) || /\p{L} \p{L}/u.test(words);
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as Node).type === "string";
}
