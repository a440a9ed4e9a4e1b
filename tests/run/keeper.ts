/**
 * Runs `deno test` for `run.ts`, and looks for what it has left behind.
 *
 * @module
 */

import { Place } from "./place.ts";
import {
  adoptOrphans,
  descendants,
  describe,
  endWithParent,
  killDescendants,
} from "./processes.ts";

/** How long what is about to end may take, on a machine that is busy. */
const TIMEOUT_MS = Number(Deno.env.get("JOB_WORKER_TIMEOUT_MS") ?? 20_000);

/** Crash loops, races by the hundred, fuzz: what takes longer than people wait. */
const LONG = "tests/long";

/** Those of them that run beside the others, since all of them wait for much of their time. */
const LONG_BESIDE = ["gateway", "grpc", "recovery", "store", "worker"].map((name) =>
  `${LONG}/${name}`
);

/** They compare times, and have the machine to themselves. */
const LONG_TIMED = [
  "daemon/idle_test.ts",
  "end_to_end/largest_requests_test.ts",
  "end_to_end/non_blocking_test.ts",
  "end_to_end/non_blocking_verbs_test.ts",
  "gateway/fair_reads_test.ts",
].map((name) => `${LONG}/${name}`);

/**
 * They look at the memory, descriptors or children of their process, or suspend and kill some of these, and have one of
 * their own: files that run beside each other share theirs.
 */
const ALONE = [
  "tests/grpc/abuse_test.ts",
  "tests/process/proc_shell_test.ts",
  "tests/process/process_groups_test.ts",
  "tests/log/log_reader_test.ts",
  "tests/worker/worker_log_limit_test.ts",
  "tests/worker/worker_output_test.ts",
  "tests/worker/worker_record_test.ts",
  "tests/worker/worker_start_test.ts",
];

const [parent, directory = "", cgroup = "", suite, ...args] = Deno.args;

const own = new Set<number>();
adoptOrphans(own);
endWithParent(Number(parent));
const place = new Place(directory, cgroup);
await place.enter();

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  Deno.addSignalListener(signal, async () => {
    await killDescendants();
    await place.remove();
    Deno.exit(130);
  });
}

const seed = Deno.env.get("JOB_WORKER_SEED") ?? `${crypto.getRandomValues(new Int32Array(1))[0]}`;
say(`Random choices come from JOB_WORKER_SEED=${seed}`);

const ends: { readonly pass: readonly string[]; readonly status: Deno.CommandStatus }[] = [];
for (const stage of stages()) ends.push(...await runStage(stage));
// It may fail without a test that has, and what it says of that is far above.
for (const { pass, status } of ends) {
  if (!status.success) say(`deno test ${pass.join(" ")}: ${howEnded(status)}`);
}
const code = Math.max(...ends.map(({ status }) => status.code));
const left = await leftBehind();
for (const what of left) say(`Left behind by the tests: ${what}`);
Deno.exit(left.length > 0 && code === 0 ? 1 : code);

/** Runs some `deno test` beside each other. */
async function runStage(stage: readonly string[][]): Promise<typeof ends> {
  /** What those have printed whose output is not seen at once, or it would be mixed. */
  const printed: Uint8Array<ArrayBuffer>[] = [];
  const ends = await Promise.all(
    stage.map(async (pass, index) => ({
      pass,
      status: await runTests(pass, index === 0, printed),
    })),
  );
  await new Blob(printed).stream().pipeTo(Deno.stdout.writable, { preventClose: true });
  return ends;
}

/** Runs `deno test`, whose output is seen at once or added to what is kept. */
async function runTests(
  args: readonly string[],
  atOnce: boolean,
  kept: Uint8Array<ArrayBuffer>[],
): Promise<Deno.CommandStatus> {
  const tests = new Deno.Command(Deno.execPath(), {
    // Types are checked by `deno task ok`, which takes as long as a tenth of the tests.
    args: [
      ...["test", "--quiet", "--no-check", "--allow-all", "--sanitize-ops", "--sanitize-resources"],
      ...args,
    ],
    env: {
      TMPDIR: place.directory,
      JOB_WORKER_SEED: seed,
      // Without the backtraces of Deno itself, which has but one line of them: "unknown".
      RUST_BACKTRACE: "0",
      // There is one more than processors, since tests wait for a part of their time.
      DENO_JOBS: Deno.env.get("DENO_JOBS") ?? `${navigator.hardwareConcurrency + 1}`,
    },
    stdout: atOnce ? "inherit" : "piped",
    stderr: atOnce ? "inherit" : "piped",
  }).spawn();
  own.add(tests.pid);
  if (atOnce) return await tests.status;
  const { stdout, stderr, ...status } = await tests.output();
  kept.push(stdout, stderr);
  return status;
}

function howEnded({ code, signal }: Deno.CommandStatus): string {
  return signal === null ? `exit status ${code}` : `ended by ${signal}`;
}

/** The arguments of each `deno test`: those that run beside each other, and then those that run after these. */
function stages(): string[][][] {
  if (args.some((arg) => !arg.startsWith("-") && exists(arg))) return [[args]];
  const named = (name: string) =>
    args.map((arg) => arg.replace(/^(--junit-path=.*?)(\.xml)?$/, `$1-${name}$2`));
  if (suite === "long") {
    const most = [LONG, ignoring(...LONG_BESIDE, ...LONG_TIMED), ...args];
    const beside = [...LONG_BESIDE, ignoring(...LONG_TIMED), ...named("beside")];
    return [[most, beside], [[...LONG_TIMED, ...named("timed")]]];
  }
  const others = ["--doc", "--parallel", ignoring(LONG, ...ALONE)];
  return [[[...others, ...args], [...ALONE, ...named("alone")]]];
}

function ignoring(...paths: readonly string[]): string {
  return `--ignore=${paths.join()}`;
}

/** Describes what is there, and stays. */
async function leftBehind(): Promise<string[]> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const left = [...descendants().map(describe), ...await place.contents()];
    if (left.length === 0 || performance.now() > deadline) return left;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function say(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
}
