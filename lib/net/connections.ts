import { delay } from "../async/delay.ts";

/** How long to wait before a connection is accepted for which there was no descriptor. */
const ACCEPT_AGAIN_MS = 100;

/**
 * The connections of a listener, until that is closed.
 *
 * Without a descriptor none can be accepted: then they wait, and the listener goes on. So that they need not wait
 * for long, one descriptor is kept for them.
 *
 * @param spare path of a file or directory that may be opened, to keep its descriptor
 */
export async function* connectionsOf(
  listener: Deno.UnixListener,
  spare: string,
): AsyncGenerator<Deno.UnixConn, void, undefined> {
  const open = () => Deno.open(spare).catch(() => null);
  let kept = await open();
  try {
    for (;;) {
      let connection: Deno.UnixConn;
      try {
        connection = await listener.accept();
      } catch (error) {
        if (isClosed(error)) return;
        if (kept === null) await delay(ACCEPT_AGAIN_MS);
        kept?.close();
        kept = null;
        continue;
      }
      yield connection;
      kept ??= await open();
    }
  } finally {
    kept?.close();
  }
}

function isClosed(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted;
}
