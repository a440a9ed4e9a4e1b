import { assert } from "../assert.ts";
import { sharedDaemon } from "./daemon.ts";

const daemon = await sharedDaemon();

const AT_ONCE = 20;

/** Makes some starts, and lets them give up: the ids of the jobs, and `null` where nobody was told. */
type Interruption = (
  starts: readonly ((options: { signal?: AbortSignal; timeoutMs?: number }) => Promise<string>)[],
) => Promise<(string | null)[]>;

/** With the first answer all others are cancelled, however far they have got. */
const cancelled: Interruption = async (starts) => {
  const left = new AbortController();
  const answers = starts.map((start) =>
    start({ signal: left.signal }).then((jobId) => {
      left.abort(new Error("Enough"));
      return jobId;
    })
  );
  return await outcomes(answers, /Enough/);
};

/** Each has a little longer than the one before: up to four times what one takes on its own. */
const late: Interruption = async (starts) => {
  const [first, ...others] = starts;
  assert.ok(first);
  const began = performance.now();
  const id = await first({});
  const wholeMs = 2 * (performance.now() - began);
  const answers = others.map((start, index) => start({ timeoutMs: wholeMs * index / 10 }));
  return [id, ...await outcomes(answers, /Deadline exceeded/)];
};

/** The id of each job that was told, and `null` for those that gave up. */
async function outcomes(answers: readonly Promise<string>[], expected: RegExp) {
  return await Promise.all(
    answers.map((answer) =>
      answer.catch((error) => {
        assert.match(String(error), expected);
        return null;
      })
    ),
  );
}

for (const [name, interruption] of Object.entries({ cancelled, late })) {
  Deno.test(`a start that was ${name} never ran, or its job is found by its request id`, () =>
    daemon.withClient(async (client) => {
      const labels = { name };
      const jobIds = async () => {
        const page = { filter: { labels }, pageSize: 1000, pageToken: "" };
        return (await client.listJobs(page)).jobs.map(({ jobId }) => jobId).sort();
      };
      const expected: string[] = [];
      // Goes on until a job has run of which nobody was told: most rounds have several of those.
      for (let untold = 0, round = 0; untold === 0; round++) {
        assert.ok(round < 50, "No start was ever cut short in the middle");
        const requests = Array.from({ length: AT_ONCE }, (_, index) => {
          const requestId = `${name}-${round}-${index}`;
          const args = ["-c", 'echo "$JOB_ID" >>"$0"', `${daemon.directory}/${requestId}`];
          const command = { name: "sh", args, env: {}, workingDirectory: "" };
          return { command, labels, requestId };
        });
        const told = await interruption(requests.map((request) => async (options) => {
          const { jobId } = await client.startJob(request, options);
          return jobId;
        }));
        const ran = await jobIds();
        const jobs = await Promise.all(requests.map((request) => client.startJob(request)));
        await Promise.all(jobs.map(({ jobId }) => client.waitJob({ jobId })));
        for (const [index, { jobId }] of jobs.entries()) {
          assert.equal(told[index] ?? jobId, jobId);
          if (told[index] === null && ran.includes(jobId)) untold++;
          // It ran once, and no other process ran in its name.
          const mark = `${daemon.directory}/${requests[index]?.requestId}`;
          assert.equal(await Deno.readTextFile(mark), `${jobId}\n`);
          expected.push(jobId);
        }
      }
      assert.deepEqual(await jobIds(), expected.sort());
    }));
}
