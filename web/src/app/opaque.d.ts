/**
 * The browser's types that webrtc/types.ts names, as seen from app/: names with nothing in them, because app/ is
 * compiled without the DOM library and must not be able to look inside.
 */

interface MediaStream {
  readonly id: string;
}
interface Blob {
  readonly size: number;
}
interface ImageBitmap {
  readonly width: number;
}
interface RTCIceServer {
  readonly urls: string | string[];
}
interface RTCDataChannel {
  readonly label: string;
}
type RTCPeerConnectionState = string;
type RTCIceConnectionState = string;
type RTCSignalingState = string;
