/**
 * A program that uses up its descriptors, and tries how one part does without, which its argument names. It says
 * on standard error what has gone wrong.
 *
 * @module
 */

import { delay } from "../../../lib/async/delay.ts";
import { flushFile } from "../../../lib/files/flush.ts";
import { messageOf } from "../../../lib/errors.ts";
import { connectionsOf } from "../../../lib/net/connections.ts";
import { ProcShell } from "../../../lib/process/proc_shell.ts";
import { assert } from "../../assert.ts";
import { context, TestEngine } from "../../engine/fixture.ts";
import { JOB } from "../../grpc/fixture.ts";
import { openLog, recordsOf, write } from "../../log/log_fixture.ts";
import { TOOLS } from "../../process/tools.ts";
import { rejection, temporaryDirectory, textOf, until } from "../../worker/fixture.ts";

/** Longer than anything waits between two attempts. */
const A_WHILE_MS = 700;

/** Descriptors that were taken; they are given back when this is disposed of. */
interface Taken extends Disposable {
  giveOne(): void;
}

/** Opens files until there is no descriptor left, and returns how many it could open. */
function openFiles(files: Deno.FsFile[]): number {
  for (let opened = 0;; opened++) {
    try {
      files.push(Deno.openSync("/dev/null"));
    } catch (error) {
      assert.match(messageOf(error), /Too many open files/);
      return opened;
    }
  }
}

/**
 * Takes all descriptors that are left, until none has come back for a while: threads of the runtime open and
 * close files of its caches when a program has begun.
 */
async function takeDescriptors(): Promise<Taken> {
  const taken: Deno.FsFile[] = [];
  for (let quiet = 0; quiet < 20; quiet++) {
    if (openFiles(taken) > 0) quiet = 0;
    await delay(20);
  }
  return {
    giveOne: () => taken.pop()?.close(),
    [Symbol.dispose]: () => taken.forEach((file) => file.close()),
  };
}

/** Whether something is still to come after a while. */
async function waits(promise: Promise<unknown>): Promise<boolean> {
  const timer = Promise.withResolvers<boolean>();
  setTimeout(() => timer.resolve(true), A_WHILE_MS);
  return await Promise.race([promise.then(() => false), timer.promise]);
}

const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  async log() {
    await using test = await openLog();
    let written: Promise<void>;
    {
      using _taken = await takeDescriptors();
      written = write(test.writer, "hello");
      assert.ok(await waits(written));
    }
    await written;
    assert.equal(textOf(await recordsOf(test.log)), "hello");
  },
  async flush() {
    await using directory = await temporaryDirectory();
    await Deno.writeTextFile(`${directory.path}/file`, "hello");
    let flushed: Promise<void>;
    {
      using _taken = await takeDescriptors();
      flushed = flushFile(`${directory.path}/file`);
      assert.ok(await waits(flushed));
    }
    await flushed;
    await assert.rejects(flushFile(`${directory.path}/none`), Deno.errors.NotFound);
  },
  async shell() {
    await using shell = new ProcShell(TOOLS);
    let answers: Promise<string[]>;
    {
      using _taken = await takeDescriptors();
      answers = Promise.all([shell.ask("uid"), shell.ask("uid")]);
      assert.ok(await waits(answers));
    }
    assert.deepEqual(await answers, Array(2).fill(String(Deno.uid())));
    const late = new ProcShell(TOOLS);
    using _taken = await takeDescriptors();
    const answer = rejection(late.ask("uid"));
    await late[Symbol.asyncDispose]();
    assert.match(messageOf(await answer), /was closed before it could be started/);
  },
  async connections() {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/socket`;
    const listener = Deno.listen({ transport: "unix", path });
    const accepted: Deno.UnixConn[] = [];
    const accepting = (async () => {
      for await (const connection of connectionsOf(listener, directory.path)) {
        accepted.push(connection);
      }
    })();
    const connect = () => Deno.connect({ transport: "unix", path });
    const clients = [await connect()];
    await until(() => Promise.resolve(accepted.length === 1));
    {
      using taken = await takeDescriptors();
      taken.giveOne();
      clients.push(await connect());
      await until(() => Promise.resolve(accepted.length === 2));
      using _rest = await takeDescriptors();
      taken.giveOne();
      clients.push(await connect());
      assert.ok(await waits(until(() => Promise.resolve(accepted.length === 3))));
    }
    await until(() => Promise.resolve(accepted.length === 3));
    listener.close();
    await accepting;
    for (const connection of [...clients, ...accepted]) connection.close();
  },
  async engine() {
    await using engine = await TestEngine.start({
      getJob: () => Promise.resolve(JOB),
      async *watchJobs(_request, { signal }) {
        for (;;) {
          yield JOB;
          await delay(50, { signal });
        }
      },
    });
    const follow = () => engine.client.watchJobs({ filter: {} }, context())[Symbol.asyncIterator]();
    const watch = follow();
    await watch.next();
    let waiting: Promise<unknown>;
    {
      using taken = await takeDescriptors();
      taken.giveOne();
      await follow().next();
      using _rest = await takeDescriptors();
      taken.giveOne();
      waiting = engine.client.getJob({ jobId: JOB.jobId }, context());
      assert.ok(await waits(waiting));
      await watch.next();
    }
    assert.deepEqual(await waiting, JOB);
    // Whoever asks for the socket meanwhile has it afterwards.
    await engine.restoreSocket();
    await watch.next();
    assert.deepEqual(await engine.client.getJob({ jobId: JOB.jobId }, context()), JOB);
    assert.deepEqual(engine.faults, []);
    await engine.close();
  },
};

// As the daemon does at its start: later the runtime would end the process for want of a descriptor.
const ignore = () => {};
Deno.addSignalListener("SIGUSR2", ignore);
await PARTS[Deno.args[0] ?? ""]?.();
Deno.removeSignalListener("SIGUSR2", ignore);
