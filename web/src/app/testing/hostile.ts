/** What people write who want a page to do what it should not. Each is to be shown as it is, as text. */

export const HOSTILE: readonly string[] = [
  "<script>globalThis.pwned = 1</script>",
  "<img src=x onerror=globalThis.pwned=1>",
  '"><svg onload=globalThis.pwned=1>',
  "'><iframe srcdoc='<script>parent.pwned=1</script>'>",
  "javascript:globalThis.pwned=1",
  'https://example.org/"onmouseover="globalThis.pwned=1',
  "https://example.org/'><script>globalThis.pwned=1</script>",
  "{{constructor.constructor('globalThis.pwned=1')()}}",
  "${globalThis.pwned=1}",
  "{@html '<img src=x onerror=globalThis.pwned=1>'}",
  "</textarea><script>globalThis.pwned=1</script>",
  "<style>*{display:none}</style>",
  "&lt;b&gt; &#x3c;script&#x3e;",
  "<math><mtext><table><mglyph><style><img src=x onerror=globalThis.pwned=1>",
  "\u202egnp.exe \u2066hidden\u2069",
  "__proto__",
  "constructor",
];
