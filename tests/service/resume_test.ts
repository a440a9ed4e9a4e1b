import { RESUME } from "../../lib/service/resume.ts";
import type { RunEvent } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { WHOLE_ANSWERS, WHOLE_JOB, WHOLE_REQUESTS, WHOLE_RUNNING_JOB } from "./samples.ts";

const target = (host: string, jobId = "", offset = 0) => {
  return { host, requestId: `id:${host}`, jobId, offset };
};

const REQUEST = { ...WHOLE_REQUESTS.runJobs, targets: ["a", "b", "c"].map((host) => target(host)) };

Deno.test("What is left of a run knows its jobs, what was printed, and who has ended", () => {
  const { jobId } = WHOLE_RUNNING_JOB;
  const log = { records: [], nextOffset: 17, finishedJob: null };
  const answers: RunEvent[][] = [
    [{ host: "a", job: WHOLE_RUNNING_JOB }, {
      host: "c",
      failure: { kind: "offline", message: "" },
    }],
    [{ host: "a", log }, { host: "unknown", log }],
  ];
  let rest: typeof REQUEST | null = REQUEST;
  for (const events of answers) {
    rest = rest && RESUME.runJobs(rest, { events }) as typeof REQUEST | null;
  }
  // What has not been heard of is started by the same request id.
  assert.deepEqual(rest, { ...REQUEST, targets: [target("a", jobId, 17), target("b")] });
  const ends: RunEvent[] = [
    { host: "a", log: { ...log, finishedJob: WHOLE_JOB } },
    { host: "b", failure: { kind: "unanswered", message: "" } },
  ];
  assert.equal(rest && RESUME.runJobs(rest, { events: ends }), null);
});

Deno.test("A run of which all has been told is over", () => {
  const answers = WHOLE_ANSWERS.runJobs;
  let rest = RESUME.runJobs(WHOLE_REQUESTS.runJobs, answers[0]);
  rest = rest && RESUME.runJobs(rest, answers[1]);
  assert.equal(rest, null);
});
