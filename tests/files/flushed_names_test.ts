/** A file outlives a power cut only with its name, which is in a directory that must be flushed. */

import { assert, assertEquals } from "@std/assert";
import { basename, dirname } from "node:path";
import { makeCertificates } from "../../lib/auth/certificates.ts";
import { setPassword } from "../../lib/auth/password_file_edit.ts";
import { UserDirectory } from "../../lib/cli/user_directory.ts";
import { makeDataDirectory } from "../../lib/daemon/data_directory.ts";
import { init } from "../../lib/daemon/init.ts";
import { AuditLog } from "../../lib/service/audit_log.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

/** The names that directories have had when they were flushed, as long as this lives. */
function watchNames(): Disposable & { readonly paths: ReadonlySet<string> } {
  const { sync } = Deno.FsFile.prototype;
  const { open } = Deno;
  const paths = new Set<string>();
  const opened = new WeakMap<Deno.FsFile, string>();
  Deno.open = async (path, options) => {
    const file = await open(path, options);
    opened.set(file, String(path));
    return file;
  };
  Deno.FsFile.prototype.sync = async function () {
    const path = opened.get(this) ?? "";
    const names = await Array.fromAsync(Deno.readDir(path), ({ name }) => `${path}/${name}`);
    await sync.call(this);
    for (const name of names) paths.add(name);
  };
  return {
    paths,
    [Symbol.dispose]: () => {
      Deno.open = open;
      Deno.FsFile.prototype.sync = sync;
    },
  };
}

/** Who makes files or directories, in an empty directory; and those that are there for good. */
const MAKERS: Readonly<Record<string, (path: string) => Promise<readonly string[]>>> = {
  "SqliteStore.open()": async (path) => {
    await using _store = await SqliteStore.open(`${path}/jobs.db`);
    return ["jobs.db"];
  },
  "AuditLog.open()": async (path) => {
    await using _log = await AuditLog.open(`${path}/audit.log`, () => {});
    return ["audit.log"];
  },
  "makeDataDirectory()": async (path) => {
    await makeDataDirectory(`${path}/data`);
    return ["data"];
  },
  "makeCertificates()": async (path) => {
    const files = await makeCertificates(path);
    const issued = await Array.fromAsync(Deno.readDir(`${path}/issued`), ({ name }) => name);
    assertEquals([files.length, issued.length], [10, 4]);
    return [
      ...files.map(({ path }) => basename(path)),
      "issued",
      ...issued.map((name) => `issued/${name}`),
    ];
  },
  "makeCertificates() anew": async (path) => {
    const files = await makeCertificates(path, { force: true });
    return files.map(({ path }) => basename(path));
  },
  "setPassword()": async (path) => {
    await setPassword(`${path}/users`, "alice", { password: "alicealice", roles: [] });
    return ["users"];
  },
  "UserDirectory.saveContexts()": async (path) => {
    await new UserDirectory(path).saveContexts({ current: null, contexts: {} });
    return ["contexts.json"];
  },
  "init()": async (path) => {
    await init([`--dir=${path}`, "--systemd"], () => undefined);
    return ["job-worker.json", "worker-daemon.service", "worker-daemon.socket"];
  },
};

for (const [maker, make] of Object.entries(MAKERS)) {
  Deno.test(`${maker} flushes the names that it has made`, async () => {
    await using directory = await temporaryDirectory();
    using names = watchNames();
    const made = await make(directory.path);
    for (const name of made) {
      const path = `${directory.path}/${name}`;
      assert(names.paths.has(path), `${name} of ${[...names.paths].map(dirname)}`);
    }
  });
}
