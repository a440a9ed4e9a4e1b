import { abortable } from "../../lib/async/abortable.ts";
import { WakeUp } from "../../lib/async/wake_up.ts";
import type { Job, JobClient, WatchJobsRequest } from "../../lib/cli/job_client.ts";
import { main } from "../../lib/cli/main.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import { DONE, FakeIo, jobOf, lister, rejection } from "./fake_daemon.ts";
import { jsonLines } from "./jobs.ts";

const OLD = jobOf({ jobId: "0199a1b2-c3d4-7e5f-8a9b-0c1d2eaaaaaa" });
const NEW = jobOf({ jobId: "0199a1b3-c3d4-7e5f-8a9b-0c1d2ebbbbbb" });
const ENDED = { ...OLD, end: DONE };

/** What begins and ends a table that changes: the other screen of the terminal, and its cursor. */
const OPENED = "\x1b[?1049h\x1b[?25l";
const CLOSED = "\x1b[?25h\x1b[?1049l";

/** A daemon that has an old job, and tells of changes when it is asked to. */
class Watched {
  readonly requests: WatchJobsRequest[] = [];
  readonly calls: Partial<JobClient>;
  readonly #told: Job[] = [OLD];
  readonly #more = new WakeUp();

  constructor() {
    const [requests, told, more] = [this.requests, this.#told, this.#more];
    this.calls = {
      listJobs: lister([OLD]),
      watchJobs: async function* (request, { signal } = {}) {
        requests.push(request);
        for (let index = 0;;) {
          const changed = more.next();
          const job = told[index];
          if (job === undefined) await abortable(changed, signal);
          else {
            index++;
            yield job;
          }
        }
      },
    };
  }

  tell(job: Job): void {
    this.#told.push(job);
    this.#more.notify();
  }
}

/** Waits until a terminal shows something. */
async function shows(io: FakeIo, text: string): Promise<void> {
  await soon(io.stdout.includes(text), () => `${text} in ${JSON.stringify(io.stdout.text)}`);
}

Deno.test("list --watch draws its table again for each change, and leaves it on the terminal", async () => {
  const daemon = new Watched();
  const io = new FakeIo(daemon.calls, { terminal: true, environment: { NO_COLOR: "1" } });
  const exitStatus = main(["list", "--watch"], io);
  await shows(io, "2eaaaaaa  running");
  daemon.tell(NEW);
  await shows(io, "2ebbbbbb  running");
  daemon.tell(ENDED);
  await shows(io, "2eaaaaaa  done");
  io.interrupt();
  assert.equal(await soon(exitStatus, () => "the watch to be left"), 130);
  const [opening, frames = "", last = ""] = io.stdout.text.replace(OPENED, CLOSED).split(CLOSED);
  assert.equal(opening, "");
  assert.ok(frames.split("\x1b[H").length >= 4, "A frame for each state");
  assert.match(last, /^JOB +STATUS .*\n2ebbbbbb +running .*\n2eaaaaaa +done +0 .*\n$/);
  assert.deepEqual(daemon.requests, [{ filter: { labels: {} } }]);
});

Deno.test("list --watch says below its table that the connection was lost, until it is told of jobs again", async () => {
  const daemon = new Watched();
  const io = new FakeIo(daemon.calls, { terminal: true, environment: { NO_COLOR: "1" } });
  const exitStatus = main(["list", "--watch"], io);
  await shows(io, "2eaaaaaa  running");
  io.breakConnection();
  await shows(io, "echo hi'\x1b[K\nLost the connection to 0.0.0.0:8080; reconnecting…\x1b[K\x1b[J");
  daemon.tell(NEW);
  await shows(io, "2ebbbbbb  running");
  const frame = io.stdout.text.split("\x1b[H").at(-1) ?? "";
  assert.doesNotMatch(frame, /reconnecting/);
  assert.doesNotMatch(io.stderr.text, /reconnecting/);
  io.interrupt();
  assert.equal(await soon(exitStatus, () => "the watch to be left"), 130);
});

Deno.test("list running --watch drops a job from its table when it ends", async () => {
  const daemon = new Watched();
  const io = new FakeIo(daemon.calls, { terminal: true });
  const exitStatus = main(["list", "running", "-w"], io);
  await shows(io, "2eaaaaaa");
  daemon.tell(ENDED);
  await shows(io, "No jobs");
  io.interrupt();
  assert.equal(await soon(exitStatus, () => "the watch to be left"), 130);
});

Deno.test("list --watch shows no more than fits the terminal, and says so", async () => {
  const jobs = Array.from(
    { length: 40 },
    (_, index) => jobOf({ jobId: `0199a1b2-c3d4-7e5f-8a9b-0c1d000000${99 - index}` }),
  );
  const calls: Partial<JobClient> = {
    listJobs: lister(jobs),
    watchJobs: async function* (_request, options) {
      yield await rejection(options);
    },
  };
  const io = new FakeIo(calls, { terminal: true, environment: { NO_COLOR: "1" } });
  const exitStatus = main(["list", "--watch"], io);
  await shows(io, "… and older ones");
  io.interrupt();
  await soon(exitStatus, () => "the watch to be left");
  const [, last = ""] = io.stdout.text.split(CLOSED);
  assert.equal(last.trimEnd().split("\n").length, 24);
});

Deno.test("list --watch puts the terminal back before it says what went wrong", async () => {
  const calls: Partial<JobClient> = {
    listJobs: lister([OLD]),
    // deno-lint-ignore require-yield -- it fails first
    watchJobs: async function* () {
      throw new Error("of the watch");
    },
  };
  const io = new FakeIo(calls, { terminal: true });
  assert.equal(await main(["list", "--watch"], io), 125);
  assert.ok(io.stdout.text.includes(CLOSED));
  assert.match(io.stderr.text, /^worker-cli: of the watch$/m);
  io.stdout.closed = true;
  assert.equal(await main(["list", "--watch"], io), 141);
});

Deno.test("list --watch appends a line for each change in a pipe", async () => {
  for (const limited of [true, false]) {
    const daemon = new Watched();
    const io = new FakeIo(daemon.calls);
    const line = ["list", "--watch", "-o", "id,status", ...limited ? ["--limit", "1"] : []];
    const exitStatus = main(line, io);
    await shows(io, `${OLD.jobId}\trunning\n`);
    // The watch begins with it, too.
    daemon.tell(NEW);
    await shows(io, NEW.jobId);
    daemon.tell(ENDED);
    await shows(io, "done");
    io.interrupt();
    assert.equal(await soon(exitStatus, () => "the watch to be left"), 130);
    assert.equal(
      io.stdout.text,
      `${OLD.jobId}\trunning\n${NEW.jobId}\trunning\n${OLD.jobId}\tdone\n`,
    );
  }
});

Deno.test("list --watch --json appends JSON, also on a terminal", async () => {
  const daemon = new Watched();
  const io = new FakeIo(daemon.calls, { terminal: true });
  const exitStatus = main(["list", "--watch", "--json", "--limit", "all"], io);
  await shows(io, OLD.jobId);
  io.interrupt();
  assert.equal(await soon(exitStatus, () => "the watch to be left"), 130);
  assert.deepEqual(jsonLines(io.stdout.text).map((job) => (job as Job).jobId), [OLD.jobId]);
});

Deno.test("list --watch ends where its user can see no such job", async () => {
  const calls: Partial<JobClient> = {
    listJobs: lister([]),
    watchJobs: async function* () {},
  };
  for (const terminal of [true, false]) {
    const io = new FakeIo(calls, { terminal });
    assert.equal(await main(["list", "--watch", "--owner", "bob"], io), 0);
  }
});
