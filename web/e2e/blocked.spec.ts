/** Calls from networks that let little through. */

import type { Page } from "@playwright/test";
import { expectInCall, join } from "./support/call";
import { expect, test } from "./support/test";

/** The protocols of the ways that media take now, of all peer connections of a page. */
function protocols(page: Page): Promise<readonly string[]> {
  return page.evaluate(async () => {
    const { connections = [] } = window as Window & { connections?: RTCPeerConnection[] };
    const reports = await Promise.all(connections.map((connection) => connection.getStats()));
    return reports.flatMap((report) => {
      const entries = [...report.values()];
      const used = new Set(entries.filter((it) => it.type === "transport").map((it) => it.selectedCandidatePairId));
      const pairs = entries.filter((it) => it.type === "candidate-pair" && used.has(it.id));
      return pairs.map((pair) => String(report.get(pair.localCandidateId).protocol));
    });
  });
}

test("where UDP is blocked, media go by TCP on the port of the page", async ({ launchOwn, open, room, serve }) => {
  test.setTimeout(120_000);
  const { origin } = await serve(["--listen", "0.0.0.0"]);
  const own = await launchOwn("chromium", { udp: "blocked" });
  const ada = await open(`/${room}`, { origin, own });
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { origin });
  await join(grace, "Grace");
  for (const page of [ada, grace]) await expectInCall(page, 1);
  expect(await protocols(ada)).toContain("tcp");
  expect(await protocols(ada)).not.toContain("udp");
});
