import { expect, test } from "vitest";
import { relayServers } from "./relayServers";

const RELAY = { username: "12c.1", credential: "secret", udpPort: 8443 };

test.each([
  ["wss://meet.example.org:8443/ws", { tcpPort: 8443, tlsPort: 8443 }, ["turns:8443", "turn:8443"]],
  ["wss://meet.example.org/ws", { tcpPort: 8443, tlsPort: 8443 }, ["turns:443", "turns:8443", "turn:8443"]],
  ["wss://meet.example.org/ws", { tcpPort: 8443 }, ["turn:8443"]],
  ["ws://meet.example.org:5173/ws", { tcpPort: 8443, tlsPort: 8443 }, ["turns:8443", "turn:8443"]],
  ["wss://meet.example.org/ws", {}, []],
] as const)("from %s and %o follow %o", (url, ports, expected) => {
  const servers = relayServers(url, { ...RELAY, ...ports });
  const urls = expected.map((it) => it.replace(":", ":meet.example.org:") + "?transport=tcp");
  expect(servers).toEqual(urls.length > 0 ? [{ urls, username: "12c.1", credential: "secret" }] : []);
});

test("an address of IPv6 stays in its brackets", () => {
  const [server] = relayServers("wss://[2001:db8::1]:8443/ws", { ...RELAY, tlsPort: 8443 });
  expect(server?.urls).toEqual(["turns:[2001:db8::1]:8443?transport=tcp"]);
});
