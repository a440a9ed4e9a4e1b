import { Buffer } from "node:buffer";
import http2 from "node:http2";
import type { JobWorkerClient } from "../../lib/grpc/client.ts";
import { codecOf } from "../../lib/grpc/codecs.ts";
import { JOB_WORKER } from "../../lib/grpc/protocol.ts";
import type { Job } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import { until } from "../worker/fixture.ts";
import { aborted, JOB, TestServer } from "./fixture.ts";

const MIB = 1024 * 1024;

const PAGE = {
  stdout: new Uint8Array(MIB),
  stderr: new Uint8Array(),
  nextOffset: MIB,
  endOffset: MIB,
  end: true,
  exitStatus: null,
};

const REQUEST = { jobId: JOB.jobId, streams: [], offset: 0, maxBytes: 0 };

const LARGE_JOB: Job = { ...JOB, command: { ...JOB.command, args: ["x".repeat(MIB)] } };

/** Each way to get a megabyte: how it is asked for by hand and by a client, and what it is. */
const ANSWERS = {
  GetLogs: {
    request: JOB_WORKER.GetLogs.requestSerialize(codecOf("getLogs").writeRequest(REQUEST)),
    read: async (client: JobWorkerClient) => (await client.getLogs(REQUEST)).stdout.byteLength,
  },
  WatchJobs: {
    request: JOB_WORKER.WatchJobs.requestSerialize(
      codecOf("watchJobs").writeRequest({ filter: {} }),
    ),
    read: async (client: JobWorkerClient) => {
      for await (const { command } of client.watchJobs({ filter: {} })) {
        return command.args[0]?.length;
      }
      return undefined;
    },
  },
} as const;

for (const [method, { request, read }] of Object.entries(ANSWERS)) {
  Deno.test(`A client that reads none of its ${method} has so much of them, and others read on`, async () => {
    await using server = await TestServer.start({
      getLogs: () => Promise.resolve(PAGE),
      async *watchJobs(_request, { signal }) {
        yield LARGE_JOB;
        await aborted(signal);
      },
    });
    const { ca, cert, key } = await server.certificates.material("viewer");
    const session = http2.connect(`https://localhost:${server.port}`, {
      ca,
      cert,
      key,
      settings: { initialWindowSize: 0 },
    });
    const closed = new Promise((resolve) => session.once("close", resolve));
    session.on("error", () => {});
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(request.length, 1);
    let answered = 0;
    const refusals: string[] = [];
    for (let call = 0; call < 80; call++) {
      const stream = session.request({
        ":method": "POST",
        ":path": `/jobworker.v1.JobWorker/${method}`,
        "content-type": "application/grpc",
        te: "trailers",
      });
      stream.on("error", () => {});
      stream.on("response", (headers) => {
        answered++;
        const why = headers["grpc-message"];
        if (why !== undefined) refusals.push(`${headers["grpc-status"]} ${decodeURI(String(why))}`);
      });
      stream.end(Buffer.concat([prefix, request]));
    }
    await until(() => Promise.resolve(answered === 80));
    // Each is a little more than its bytes.
    assert.deepEqual(
      refusals,
      Array(17).fill(
        '8 Too many large answers of user "viewer" at once: more than 64 MiB are on their way',
      ),
    );
    const readAs = async (as: "operator" | "viewer") => {
      await using client = await server.connect({ as });
      return await read(client);
    };
    assert.equal(await soon(readAs("operator"), () => "another user's answer"), MIB);
    await assert.rejects(readAs("viewer"), { code: "resource_exhausted" });
    session.destroy();
    await closed;
    // Once they are known to be gone.
    await until(() => readAs("viewer").then(() => true, () => false));
    assert.deepEqual(server.faults, []);
  });
}
