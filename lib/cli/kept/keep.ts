import type { Settings } from "../invocation.ts";
import type { Io } from "../io.ts";
import { Keeper } from "./keeper.ts";
import { socketDirectory, socketPath } from "./place.ts";

/**
 * Keeps a connection to the daemon, and makes calls of other processes of this user on it, until it has not been used
 * for as long as the settings say. If another does that already, this one ends.
 */
export async function keep(io: Io, settings: Settings): Promise<void> {
  const directory = await socketDirectory(io.environment);
  const path = await socketPath(directory, settings);
  const listener = await listen(directory, path);
  if (listener === null) return;
  if (io.interrupted.aborted) return listener.close();
  const keeper = new Keeper(listener, settings.keepConnection);
  io.interrupted.addEventListener("abort", () => keeper.close());
  const onReconnecting = () => keeper.tellReconnecting();
  const connected = io.connect({ ...settings, keepConnection: 0 }, { onReconnecting });
  const client = connected.then(async (client) => {
    if (await socketPath(directory, settings) === path) return client;
    throw new Error("The certificates have been replaced meanwhile");
  });
  await keeper.serve(client);
}

/** Listens, in the place of a keeper that was killed; `null` if one is there. */
async function listen(directory: string, path: string): Promise<Deno.UnixListener | null> {
  using lock = await Deno.open(`${directory}/lock`, { create: true, write: true, mode: 0o600 });
  await lock.lock(true);
  if (await isServed(path)) return null;
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  const listener = Deno.listen({ transport: "unix", path });
  await Deno.chmod(path, 0o600);
  return listener;
}

async function isServed(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch {
    return false;
  }
}
