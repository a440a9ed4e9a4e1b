import { JobWorkerError } from "../../lib/errors.ts";
import type { GetLogsResponse } from "../../lib/service/job_service.ts";
import { outputPage } from "../../lib/service/output_page.ts";
import type { LogBatch, LogStream, StoredRecord } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { rejection } from "../worker/fixture.ts";

/** A batch of one record on stdout, from an offset on, with what is missing before it. */
function batch(offset: number, text: string, gapFrom?: number): LogBatch<LogStream> {
  const data = new TextEncoder().encode(text);
  const records: StoredRecord[] = text === "" ? [] : [{ offset, time: 0, stream: "stdout", data }];
  return {
    records,
    nextOffset: offset + data.byteLength,
    endOffset: 90,
    ...(gapFrom !== undefined && { gap: { from: gapFrom, to: offset } }),
    finishedJob: null,
  };
}

/** Batches that end with an error, if one is given. */
async function* logOf(
  batches: readonly LogBatch<LogStream>[],
  error?: Error,
): AsyncGenerator<LogBatch<LogStream>> {
  yield* batches;
  if (error !== undefined) throw await Promise.resolve(error);
}

async function page(
  batches: readonly LogBatch<LogStream>[],
  options: { offset?: number; maxBytes?: number; error?: Error } = {},
): Promise<Pick<GetLogsResponse, "gap" | "nextOffset" | "end"> & { text: string }> {
  const { offset = 0, maxBytes = 1000, error } = options;
  const { stdout, stderr, exitStatus, endOffset, ...rest } = await outputPage(
    logOf(batches, error),
    {
      offset,
      maxBytes,
    },
  );
  assert.deepEqual([stderr.byteLength, exitStatus, endOffset], [0, null, 90]);
  return { text: new TextDecoder().decode(stdout), ...rest };
}

Deno.test("outputPage() tells a gap before its first byte", async () => {
  const batches = [batch(10, "abc", 0), batch(13, "def")];
  const gap = { from: 0, to: 10 };
  assert.deepEqual(await page(batches), { gap, text: "abcdef", nextOffset: 16, end: true });
  assert.deepEqual(await page(batches, { maxBytes: 2 }), {
    gap,
    text: "ab",
    nextOffset: 12,
    end: false,
  });
  // This holds for a gap alone, and where output of another stream came before it.
  assert.deepEqual(await page([batch(10, "", 4)]), {
    gap: { from: 4, to: 10 },
    text: "",
    nextOffset: 10,
    end: true,
  });
});

Deno.test("outputPage() ends before a gap in its midst, which the next page tells", async () => {
  const batches = [batch(0, "abc"), batch(10, "def", 3)];
  assert.deepEqual(await page(batches), { text: "abc", nextOffset: 3, end: false });
  assert.deepEqual(await page(batches.slice(1), { offset: 3 }), {
    gap: { from: 3, to: 10 },
    text: "def",
    nextOffset: 13,
    end: true,
  });
  assert.deepEqual(await page([batch(10, "", 0), batch(20, "x", 10)]), {
    gap: { from: 0, to: 10 },
    text: "",
    nextOffset: 10,
    end: false,
  });
});

Deno.test("outputPage() returns what comes before the damage, and then the error", async () => {
  const error = new JobWorkerError("data_loss", "The log is damaged behind byte 3 of the output");
  const sound = { text: "abc", nextOffset: 3, end: false };
  assert.deepEqual(await page([batch(0, "abc")], { error }), sound);
  assert.equal(await rejection(page([], { offset: 3, error })), error);
  // No other error is kept for later.
  const other = new Error("The client has left");
  assert.equal(await rejection(page([batch(0, "abc")], { error: other })), other);
});
