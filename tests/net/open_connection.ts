import { assert } from "../assert.ts";

/**
 * Whether the side of a TCP connection over IPv4 that has this peer has not been closed, which is asked in no
 * time: nothing else in the process happens meanwhile. See proc_net_tcp(5).
 */
export function hasOpenConnectionTo(peer: string): boolean {
  const [, port] = /^127\.0\.0\.1:(\d+)$/.exec(peer) ?? [];
  assert.ok(port, peer);
  const hex = Number(port).toString(16).toUpperCase().padStart(4, "0");
  return new RegExp(`: 0100007F:\\w+ 0100007F:${hex} 01 `).test(
    Deno.readTextFileSync("/proc/net/tcp"),
  );
}
