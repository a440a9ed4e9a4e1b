/** Flushes of files that fail, and how many there were, as long as this lives. */
export interface FlushWatch extends Disposable {
  /** How many more fail, with EIO, after which what was written is lost for good. */
  failing: number;
  /** How many there were, those of directories not counted. */
  count: number;
}

/** Watches the flushes of files, and lets some fail. */
export function watchFlushes(failing = 0): FlushWatch {
  const { syncData } = Deno.FsFile.prototype;
  const watch = {
    failing,
    count: 0,
    [Symbol.dispose]: () => {
      Deno.FsFile.prototype.syncData = syncData;
    },
  };
  Deno.FsFile.prototype.syncData = async function () {
    watch.count++;
    if (watch.failing === 0) return await syncData.call(this);
    watch.failing--;
    throw Object.assign(new Error("Input/output error (os error 5)"), { code: "EIO" });
  };
  return watch;
}
