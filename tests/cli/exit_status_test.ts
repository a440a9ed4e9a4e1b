import { ERROR_CODES, type ErrorCode } from "../../lib/errors.ts";
import { exitStatusOfError, exitStatusOfToldJob } from "../../lib/cli/exit_status.ts";
import type { ExitStatus } from "../../lib/cli/job_client.ts";
import { signalNumber } from "../../lib/job/signals.ts";
import { assert } from "../assert.ts";
import { DONE, FakeIo, jobOf } from "./fake_daemon.ts";

Deno.test("signalNumber() knows the signals of signal(7), real-time ones too", () => {
  for (const [name, number] of Object.entries(LINUX)) {
    assert.equal(signalNumber(name), number, name);
  }
  for (
    const name of ["", "SIG", "SIGNOPE", "sigterm", "SIG0", "SIG32", "SIG33", "SIG65", "SIG-1"]
  ) {
    assert.equal(signalNumber(name), null, name);
  }
  for (const name of ["SIGRTMIN+31", "SIGRTMIN-1", "SIGRTMAX+1", "SIGRTMAX-31", "SIGRTMIN3"]) {
    assert.equal(signalNumber(name), null, name);
  }
});

/** signal(7), column x86/ARM. */
const LINUX = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGTERM: 15,
  SIGCHLD: 17,
  SIGSTOP: 19,
  SIGXCPU: 24,
  SIGWINCH: 28,
  SIGSYS: 31,
  SIGRTMIN: 34,
  "SIGRTMIN+3": 37,
  "SIGRTMAX-2": 62,
  SIGRTMAX: 64,
  SIG34: 34,
  SIG64: 64,
};

Deno.test("exitStatusOfToldJob() gives what a shell would, and 125 where there is nothing", async () => {
  const cases: [ExitStatus | null, number][] = [
    [{ code: 0 }, 0],
    [{ code: 255 }, 255],
    [{ signal: "SIGKILL" }, 137],
    [{ signal: "SIGRTMIN+3" }, 165],
    [{ signal: "SIG34" }, 162],
  ];
  for (const [exitStatus, expected] of cases) {
    const io = new FakeIo({});
    assert.equal(await exitStatusOfToldJob(io, jobOf({ end: { ...DONE, exitStatus } })), expected);
  }
  for (const exitStatus of [{ signal: "SIGWHAT" }, null]) {
    const io = new FakeIo({});
    assert.equal(await exitStatusOfToldJob(io, jobOf({ end: { ...DONE, exitStatus } })), 125);
  }
});

Deno.test("exitStatusOfError() is 2 for a bad argument and 125 for everything else", () => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    assert.equal(exitStatusOfError(code), code === "invalid_argument" ? 2 : 125);
  }
});
