/** Calls between two browsers, against the real server. */

import { expectInCall, expectPeople, join } from "./support/call";
import type { BrowserKind } from "./support/browsers";
import { test } from "./support/test";

const PAIRS: readonly (readonly [BrowserKind, BrowserKind])[] = [
  ["chromium", "chromium"],
  ["chromium", "firefox"],
];

for (const [first, second] of PAIRS) {
  test(`${first} and ${second} see and hear each other`, async ({ open, room }) => {
    const ada = await open(`/${room}`, { kind: first });
    await join(ada, "Ada");
    const grace = await open(`/${room}`, { kind: second });
    await join(grace, "Grace");

    await expectPeople(ada, ["Grace"]);
    await expectPeople(grace, ["Ada"]);
    await expectInCall(ada, 1);
    await expectInCall(grace, 1);
  });
}
