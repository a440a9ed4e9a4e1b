/**
 * From where ports are chosen: below those that Linux hands out by itself, see `ip_local_port_range` in ip(7). One of
 * those may go to any other process between its choice and its use, and while who listens on it starts again.
 */
const FIRST = 20_000;
const COUNT = 12_000;

/** A port of the loopback that nobody has at the moment, and that nobody gets who does not ask for this one. */
export function freePort(): number {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
