import type { CallContext, LogStart } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import { rejection } from "../worker/fixture.ts";
import { contextOf, TestService, wholeLog } from "./fixture.ts";

/** Enough for a hundred pieces of what is read at once. */
const BYTES = 26_000_000;

const READERS = 60;

/** Where the disk is slower than all that is read, it decides who is next. */
const ATTEMPTS = 5;

const VERA = contextOf("vera", ["viewer"]);
const OLGA = contextOf("olga", ["viewer"]);

/** How many pieces of a log the readers of one user get while one of another user reads it. */
async function piecesMeanwhile(
  test: TestService,
  jobId: string,
): Promise<[others: number, own: number]> {
  let pieces = 0;
  const readers = Array.from({ length: READERS }, async () => {
    for await (const _batch of test.service.streamLogs(wholeLog(jobId), VERA)) pieces++;
  });
  let own = 0;
  let others = 0;
  for await (const _batch of test.service.streamLogs(wholeLog(jobId), OLGA)) {
    own++;
    others = pieces;
  }
  await Promise.all(readers);
  return [others, own];
}

Deno.test("The readers of one user do not hold up another's", async () => {
  await using test = await TestService.open();
  const { jobId } = await test.ran(`head -c ${BYTES} /dev/zero`);
  const seen: string[] = [];
  while (seen.length < ATTEMPTS) {
    const [others, own] = await piecesMeanwhile(test, jobId);
    assert.ok(own > 50, `${own}`);
    // First come first served, all of Vera's have a piece for each of Olga's. In turn it is one, and what they have
    // of pieces that are read already, while Olga waits for the disk: up to 26, as measured.
    if (others < 2 / 3 * READERS * own) return;
    seen.push(`${others} pieces for one user and ${own} for the other`);
  }
  assert.fail(seen.join("; "));
});

Deno.test("A search in a log takes turns, and ends when its caller has left", async () => {
  await using test = await TestService.open();
  const { jobId } = await test.ran(`yes | head -c ${BYTES}`);
  const search = (start: LogStart, context: CallContext) =>
    test.service.streamLogs({ ...wholeLog(jobId), start }, context)[Symbol.asyncIterator]();
  const tail = { kind: "tail", lines: 1_000_000_000 } as const;
  const leaving = new AbortController();
  const left = contextOf("vera", ["viewer"], leaving.signal);
  const ends = Array.from({ length: READERS }, () => rejection(search(tail, left).next()));
  for (const start of [tail, { kind: "since", time: Date.now() + 1_000_000 } as const]) {
    const own = search(start, OLGA);
    await soon(own.next(), () => "the end of a search behind many others");
    await own.return?.();
  }
  leaving.abort(new Error("left"));
  for (const end of ends) assert.equal(await end, leaving.signal.reason);
});
