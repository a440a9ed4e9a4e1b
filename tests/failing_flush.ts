/** Flushes of files that fail, and how many there were, as long as this lives. */
export interface FlushWatch extends Disposable {
  /** How many more fail, with EIO, after which what was written is lost for good. */
  failing: number;
  /** How many there were, those of directories not counted. */
  count: number;
  /** Keeps the next one waiting, once it has begun, until it may go on. */
  hold(): { readonly begun: Promise<void>; readonly go: () => void };
}

/** Watches the flushes of files, and lets some fail. */
export function watchFlushes(failing = 0): FlushWatch {
  const { syncData } = Deno.FsFile.prototype;
  let held: { begin: () => void; going: Promise<void> } | null = null;
  const watch = {
    failing,
    count: 0,
    hold: () => {
      const [begun, going] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      held = { begin: begun.resolve, going: going.promise };
      return { begun: begun.promise, go: going.resolve };
    },
    [Symbol.dispose]: () => {
      Deno.FsFile.prototype.syncData = syncData;
    },
  };
  Deno.FsFile.prototype.syncData = async function () {
    watch.count++;
    const waits = held;
    held = null;
    waits?.begin();
    await waits?.going;
    if (watch.failing === 0) return await syncData.call(this);
    watch.failing--;
    throw Object.assign(new Error("Input/output error (os error 5)"), { code: "EIO" });
  };
  return watch;
}
