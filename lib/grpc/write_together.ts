import { setImmediate } from "node:timers";
import type { TLSSocket } from "node:tls";

/** What is larger is sent at once: it would have to be copied to be sent together with anything else. */
const MAX_BYTES = 4 * 1024;

/**
 * Has a connection send in one piece what is written to it in one turn of the event loop. HTTP/2 writes each frame
 * by itself, and most answers consist of three small ones: headers, message, trailers.
 */
export function writeTogether(socket: TLSSocket): void {
  const write = socket.write.bind(socket) as (data: Uint8Array, ...rest: unknown[]) => boolean;
  let isHeld = false;
  const send = () => {
    if (isHeld) socket.uncork();
    isHeld = false;
  };
  socket.write = function writeLater(data: Uint8Array, ...rest: unknown[]) {
    if (data.byteLength > MAX_BYTES) send();
    else if (!isHeld) {
      isHeld = true;
      socket.cork();
      setImmediate(send);
    }
    return write(data, ...rest);
  } as typeof socket.write;
}
