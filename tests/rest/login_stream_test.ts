import { abortable } from "../../lib/async/abortable.ts";
import type { JobService } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { byUser, sessionsOf, userOf } from "../auth/sessions_fixture.ts";
import { soon } from "../soon.ts";
import { batchOf, JOB, JOB_ID, recordOf, TestApp } from "./fixture.ts";

/** Streams that go on whenever they are told to, and for ever. */
function endless(): { methods: Partial<JobService>; goOn: () => void; left: Promise<unknown> } {
  let next = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const goOn = () => {
    next.resolve();
    next = Promise.withResolvers();
  };
  async function* forEver<T>(item: T, signal: AbortSignal): AsyncGenerator<T> {
    try {
      for (;;) {
        const more = next.promise;
        yield item;
        await abortable(more, signal);
      }
    } finally {
      left.resolve();
    }
  }
  const methods: Partial<JobService> = {
    watchJobs: (_, { signal }) => forEver(JOB, signal),
    streamLogs: (_, { signal }) => forEver(batchOf([recordOf(0, "hello")]), signal),
  };
  return { methods, goOn, left: left.promise };
}

const STREAMS = [
  ["/v1/watch", "text/event-stream"],
  ["/v1/watch", "application/x-ndjson"],
  [`/v1/jobs/${JOB_ID}/logs?follow=1`, "text/event-stream"],
  [`/v1/jobs/${JOB_ID}/logs?follow=1`, "application/x-ndjson"],
  [`/v1/jobs/${JOB_ID}/logs?follow=1`, "application/octet-stream"],
] as const;

for (const [path, Accept] of STREAMS) {
  for (const how of ["with what would come next", "with a sign of life"] as const) {
    if (how === "with a sign of life" && Accept !== "text/event-stream") continue;
    Deno.test(`${path} as ${Accept} is cut off ${how}, once its reader is logged out`, async () => {
      const sessions = sessionsOf(userOf("alice"));
      const { methods, goOn, left } = endless();
      const heartbeatMs = how === "with a sign of life" ? 5 : 60_000;
      const app = new TestApp(methods, { sessions, heartbeatMs });
      const token = await sessions.open(byUser("alice"), "192.0.2.1");
      const Cookie = `__Host-job-worker=${token}`;
      const response = await app.request(path, { headers: { Authorization: "", Cookie, Accept } });
      assert.equal(response.status, 200);
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader() ??
        assert.fail();
      let text = "";
      while (!/4711|hello|aGVsbG8/.test(text)) text += (await reader.read()).value ?? assert.fail();
      await sessions.close(token.split(".")[0] ?? "", byUser("alice"));
      if (how === "with what would come next") goOn();
      const readAll = async () => {
        for (let more = await reader.read(); !more.done; more = await reader.read()) {
          assert.equal(more.value.replace(/[:\n]/g, ""), "", "Nothing is told any more");
        }
      };
      await assert.rejects(soon(readAll(), () => "the end"), /You are not logged in any more/);
      await soon(left, () => "the stream to be left");
    });
  }
}
