import type { Context } from "../context.ts";
import { tellEnd } from "../exit_status.ts";
import type { LogsStart, LogsVerb } from "../invocation.ts";
import type { LogStart } from "../job_client.ts";
import { resolveJobId } from "../job_id.ts";
import { timeOf } from "../moment.ts";
import { FIRST_BYTE, printLog } from "../print_log.ts";

/** Prints the output of a job so far, and with `--follow` until it ends. */
export async function logs(context: Context, verb: LogsVerb): Promise<number> {
  const { streams, follow, timestamps } = verb;
  const jobId = await resolveJobId(context, verb.jobId);
  const start = startOf(verb.start, Date.now());
  const ended = await printLog(context, { jobId, streams, follow, start }, { timestamps });
  if (follow && ended !== null) await tellEnd(context.io, ended);
  return 0;
}

function startOf(start: LogsStart, now: number): LogStart {
  switch (start.kind) {
    case "first":
      return FIRST_BYTE;
    case "ago":
    case "since":
      return { kind: "since", time: timeOf(start, now) };
    case "tail":
      return start;
  }
}
