/** What programs outside of this folder may use: the three levels, the devices, and their types. */

export { canChooseSpeaker, listDevices, setSpeaker, watchDevices, type DeviceList } from "./devices";
export { peerConnection, type PeerConnection, type PeerConnectionOptions, type Signal } from "./peerConnection";
export { signalingSocket, type SignalingSocket, type SignalingSocketOptions } from "./signalingSocket";
export { webRTCClient } from "./webRTCClient";
export type * from "./types";
