import fc from "fast-check";
import { expect, test } from "vitest";
import { pieces } from "./links";
import { HOSTILE } from "./testing/hostile";

const linked = (text: string): string[] => pieces(text).flatMap(({ href }) => (href === null ? [] : [href]));

test.each([
  ["see https://example.org/a?b=c#d.", ["https://example.org/a?b=c#d"]],
  ["(https://example.org/wiki/Allo_(greeting)), yes", ["https://example.org/wiki/Allo_(greeting)"]],
  ["http://a.example and HTTPS://B.example!", ["http://a.example", "HTTPS://B.example"]],
  ["https://example.org/\u00fcber/\u{1f600}", ["https://example.org/\u00fcber/\u{1f600}"]],
])("an address is found, without what ends the sentence: %s", (text, expected) => {
  expect(linked(text)).toEqual(expected);
});

test.each([
  "javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "https://",
  "https://bank.example@evil.example/",
  "xhttps://example.org",
  "example.org",
  "vbscript:msgbox(1) file:///etc/passwd ftp://example.org",
])("what is no plain web address is no link: %s", (text) => {
  expect(linked(text)).toEqual([]);
});

test("the pieces are the text, and each link is a web address", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.webUrl(), fc.constantFrom(...HOSTILE))), (parts) => {
      const text = parts.join(" ");
      const cut = pieces(text);
      expect(cut.map((piece) => piece.text).join("")).toBe(text);
      for (const { href } of cut) if (href !== null) expect(href).toMatch(/^https?:\/\/[^\s"'<>`@/]+/iu);
    }),
  );
});

test("many addresses in one text cost little", () => {
  expect(linked("https://a.example ".repeat(300))).toHaveLength(50);
});
