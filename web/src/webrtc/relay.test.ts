import { expect, test } from "vitest";
import { relayServers } from "./relay";

const RELAY = { username: "12c.1", credential: "secret", udpPort: 8443 };

test.each([
  ["wss://meet.example.org/ws", "turn:meet.example.org:8443?transport=udp"],
  ["wss://meet.example.org:9443/ws", "turn:meet.example.org:8443?transport=udp"],
  ["wss://[2001:db8::1]/ws", "turn:[2001:db8::1]:8443?transport=udp"],
])("the host is that of %s", (url, expected) => {
  expect(relayServers(RELAY, url)).toEqual([{ urls: [expected], username: "12c.1", credential: "secret" }]);
});

test("without a relay there is no server", () => {
  expect(relayServers(undefined, "wss://meet.example.org/ws")).toEqual([]);
});
