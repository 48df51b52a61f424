/** Watches a page for errors, for violations of the server's policy, and for requests to anybody else. */

import type { Page } from "@playwright/test";

/** Returns a list that fills with what the page does wrong. */
export async function watch(page: Page): Promise<readonly string[]> {
  const faults: string[] = [];
  page.on("pageerror", ({ message }) => {
    if (!TOLD_AS_WELL.test(message)) faults.push(`error: ${message}`);
  });
  page.on("request", (request) => {
    const { protocol, hostname, href } = new URL(request.url());
    if (protocol !== "blob:" && hostname !== "localhost") faults.push(`request to somebody else: ${href}`);
  });
  page.on("console", (message) => {
    if (message.text().startsWith(VIOLATION)) faults.push(message.text());
  });
  await page.addInitScript((violation) => {
    addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sample }) =>
      console.error(violation, effectiveDirective, blockedURI, sample),
    );
  }, VIOLATION);
  await page.addInitScript(rememberMedia);
  return faults;
}

/** Keeps the page's connections and devices where a test can look at them. The page knows nothing of it. */
function rememberMedia(): void {
  const connections: RTCPeerConnection[] = [];
  const captured: MediaStreamTrack[] = [];
  Object.assign(window, { connections, captured });
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      connections.push(this);
    }
  };
  // Absent on the blank page that comes before the first real one.
  const devices: MediaDevices | undefined = navigator.mediaDevices;
  if (devices === undefined) return;
  const getUserMedia = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (constraints) => {
    const stream = await getUserMedia(constraints);
    captured.push(...stream.getTracks());
    return stream;
  };
}

/** Firefox takes for an error what the page is told as well, and deals with. */
const TOLD_AS_WELL = /^(Firefox can.t establish a connection to the server at wss:|ICE failed, )/;

const VIOLATION = "policy violated:";
