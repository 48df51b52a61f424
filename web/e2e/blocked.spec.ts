/** Calls from networks that let little through. */

import type { Page } from "@playwright/test";
import { enter, expectInCall, join, tile } from "./support/call";
import { layNarrowWay } from "./support/narrow";
import { startProxy } from "./support/proxy";
import { expect, test } from "./support/test";

/** The protocols of the ways that media take now, of all peer connections of a page. */
function protocols(page: Page): Promise<readonly string[]> {
  return page.evaluate(async () => {
    const { connections = [] } = window as Window & { connections?: RTCPeerConnection[] };
    const reports = await Promise.all(connections.map((connection) => connection.getStats()));
    return reports.flatMap((report) => {
      const entries = [...report.values()];
      const used = new Set(entries.filter((it) => it.type === "transport").map((it) => it.selectedCandidatePairId));
      // Firefox has no transports in it, and marks the pair.
      const pairs = entries.filter((it) => it.type === "candidate-pair" && (used.has(it.id) || it.selected === true));
      const own = pairs.map((pair) => report.get(pair.localCandidateId));
      return own.map(({ protocol, relayProtocol }) => (relayProtocol ? `relay by ${relayProtocol}` : String(protocol)));
    });
  });
}

/** To be called before the page is opened: its network lets through no TCP that is not TLS. */
async function withoutPlainTcp(page: Page): Promise<void> {
  await page.addInitScript(() => {
    type Set = (this: RTCPeerConnection, description: RTCSessionDescriptionInit) => Promise<void>;
    const set = RTCPeerConnection.prototype.setRemoteDescription as Set;
    RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp = "" }: RTCSessionDescriptionInit) {
      return set.call(this, { type, sdp: sdp.replaceAll(/^a=candidate:\S+ \d tcp .*\r\n/gim, "") });
    };
    const Connection = window.RTCPeerConnection;
    const byTls = ({ urls, ...rest }: RTCIceServer): RTCIceServer => ({
      ...rest,
      urls: [urls].flat().filter((url) => url.startsWith("turns:")),
    });
    window.RTCPeerConnection = class extends Connection {
      constructor({ iceServers = [], ...rest }: RTCConfiguration = {}) {
        super({ ...rest, iceServers: iceServers.map(byTls).filter(({ urls }) => urls.length > 0) });
      }
    };
  });
}

/** To be called before the page is opened: the server's addresses for UDP lead nowhere. */
async function withoutUdp(page: Page): Promise<void> {
  await page.addInitScript(() => {
    type Set = (this: RTCPeerConnection, description: RTCSessionDescriptionInit) => Promise<void>;
    const set = RTCPeerConnection.prototype.setRemoteDescription as Set;
    RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp = "" }: RTCSessionDescriptionInit) {
      const isServer = sdp.includes("a=ice-lite");
      const rest = isServer ? sdp.replaceAll(/^a=candidate:\S+ \d udp .*\r\n/gim, "") : sdp;
      return set.call(this, { type, sdp: rest });
    };
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

test("where nothing but TLS gets through, media go through the TURN server", async ({
  launchOwn,
  open,
  room,
  serve,
}) => {
  test.setTimeout(120_000);
  const { origin } = await serve(["--listen", "0.0.0.0"]);
  const own = await launchOwn("chromium", { udp: "blocked", certificates: "any" });
  const ada = await open(`/${room}`, { origin, own, before: withoutPlainTcp });
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { origin });
  await join(grace, "Grace");
  for (const page of [ada, grace]) await expectInCall(page, 1);
  expect(await protocols(ada)).toEqual(["relay by tls"]);
});

test("when UDP is blocked in mid-call, media go on by TCP", async ({ open, room, serve }) => {
  test.setTimeout(120_000);
  const { origin, port } = await serve(["--listen", "0.0.0.0"]);
  const way = await layNarrowWay(port, "open");
  const ada = await open(`/${room}?topology=sfu`, { origin, before: way.lead });
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { origin });
  await join(grace, "Grace");
  for (const page of [ada, grace]) await expectInCall(page, 1);
  await expect.poll(() => protocols(ada)).toEqual(["udp"]);
  await way.close();
  await expect.poll(() => protocols(ada), { timeout: 60_000 }).toEqual(["tcp"]);
  for (const page of [ada, grace]) await expectInCall(page, 1);
});

test("when UDP is blocked in mid-call for somebody who only looks on, they see on by TCP", async ({
  open,
  room,
  serve,
}) => {
  test.setTimeout(120_000);
  const { origin, port } = await serve(["--listen", "0.0.0.0"]);
  const way = await layNarrowWay(port, "open");
  const ada = await open(`/${room}?topology=sfu`, { origin, before: way.lead });
  await enter(ada, "Ada");
  const grace = await open(`/${room}`, { origin });
  await join(grace, "Grace");
  await expectInCall(ada, 1);
  await expect.poll(() => protocols(ada)).toEqual(["udp"]);
  await way.close();
  await expect.poll(() => protocols(ada), { timeout: 60_000 }).toEqual(["tcp"]);
  await expectInCall(ada, 1);
  await expect(ada.getByText("Through the server, over TCP")).toBeVisible();
});

test("somebody whose media do not get through any more is told so, and so are the others", async ({
  open,
  room,
  serve,
}) => {
  test.setTimeout(120_000);
  const { origin, port } = await serve(["--listen", "0.0.0.0"]);
  const way = await layNarrowWay(port);
  const ada = await open(`/${room}?topology=sfu`, { origin, before: way.lead });
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { origin });
  await join(grace, "Grace");
  for (const page of [ada, grace]) await expectInCall(page, 1);
  await way.close();
  const told = "Ada cannot be reached: their network blocks UDP; trying another way.";
  await expect(tile(grace, "Ada").getByText(told)).toBeVisible({ timeout: 30_000 });
  await expect(ada.getByText("Your network blocks UDP; trying another way.")).toBeVisible();
});

test("where UDP is blocked, the media of a Firefox go by TCP", async ({ open, room, serve }) => {
  test.setTimeout(120_000);
  const { origin } = await serve(["--listen", "0.0.0.0"]);
  const ada = await open(`/${room}?topology=sfu`, { origin, kind: "firefox", before: withoutUdp });
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { origin });
  await join(grace, "Grace");
  for (const page of [ada, grace]) await expectInCall(page, 1);
  expect(await protocols(ada)).toEqual(["tcp"]);
});

// Not by TLS: that takes a certificate that the browser itself trusts, and to Firefox the one of a test is a stranger.
test("where a Firefox may send to relays alone, its media go through the TURN server", async ({
  launchOwn,
  open,
  room,
  serve,
}) => {
  test.setTimeout(120_000);
  const { origin } = await serve(["--listen", "0.0.0.0"]);
  const own = await launchOwn("firefox", { media: "relayed" });
  const ada = await open(`/${room}?topology=sfu`, { origin, own, kind: "firefox" });
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { origin });
  await join(grace, "Grace");
  for (const page of [ada, grace]) await expectInCall(page, 1);
  expect(await protocols(ada)).toEqual(["relay by tcp"]);
});

test("where everything has to go through a proxy that passes TLS alone, media do", async ({
  launchOwn,
  open,
  room,
  serve,
}) => {
  test.setTimeout(120_000);
  const { origin } = await serve(["--listen", "0.0.0.0"]);
  const proxy = await startProxy();
  const own = await launchOwn("chromium", { udp: "blocked", certificates: "any", proxy: proxy.origin });
  const ada = await open(`/${room}?topology=sfu`, { origin, own });
  await join(ada, "Ada");
  const grace = await open(`/${room}`, { origin });
  await join(grace, "Grace");
  for (const page of [ada, grace]) await expectInCall(page, 1);
  expect(await protocols(ada)).toEqual(["relay by tls"]);
  // TCP that is not TLS was tried first.
  expect(proxy.counts().refused).toBeGreaterThan(0);
  proxy.close();
});
