/** Two browsers between which there is no path, as between two strict firewalls. */

import type { Page } from "@playwright/test";

/** To be called before the page is opened: its links learn no address of anybody, and its sessions that of the server. */
export async function withoutPath(page: Page): Promise<void> {
  await page.addInitScript(() => {
    type Set = (this: RTCPeerConnection, description: RTCSessionDescriptionInit) => Promise<void>;
    const set = RTCPeerConnection.prototype.setRemoteDescription as Set;
    RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp = "" }: RTCSessionDescriptionInit) {
      const isServer = sdp.includes("a=ice-lite");
      return set.call(this, { type, sdp: isServer ? sdp : sdp.replaceAll(/^a=candidate:.*\r\n/gm, "") });
    };
    RTCPeerConnection.prototype.addIceCandidate = () => Promise.resolve();
  });
}
