/** Calls from networks that let nothing out but what goes through the server's TURN server. */

import type { Page } from "@playwright/test";
import { expectInCall, join } from "./support/call";
import { expect, test } from "./support/test";

/** Lets the page see no way but relayed ones. */
function onlyRelayed(page: Page): Promise<unknown> {
  return page.addInitScript(() => {
    window.RTCPeerConnection = class extends window.RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super({ ...configuration, iceTransportPolicy: "relay" });
      }
      override setConfiguration(configuration?: RTCConfiguration): void {
        super.setConfiguration({ ...configuration, iceTransportPolicy: "relay" });
      }
    };
  });
}

/** What kinds the own ends of the ways are that media take now. */
function kinds(page: Page): Promise<readonly string[]> {
  return page.evaluate(async () => {
    const { connections = [] } = window as Window & { connections?: RTCPeerConnection[] };
    const reports = await Promise.all(connections.map((connection) => connection.getStats()));
    return reports.flatMap((report) => {
      const transports = [...report.values()].filter((it) => it.type === "transport");
      const pairs = transports.map((it) => report.get(it.selectedCandidatePairId)).filter((it) => it !== undefined);
      return pairs.map((pair) => String(report.get(pair.localCandidateId).candidateType));
    });
  });
}

test("media go through the TURN server where nothing else is let out", async ({ open, room, serve }) => {
  const { origin } = await serve(["--topology", "sfu"]);
  const ada = await open(`/${room}`, { origin, before: onlyRelayed });
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { origin });
  await join(grace, "Grace");
  for (const page of [ada, grace]) await expectInCall(page, 1);
  expect(await kinds(ada)).toEqual(["relay"]);
});
