import { Buffer } from "node:buffer";
import http2 from "node:http2";
import { codecOf } from "../../lib/grpc/codecs.ts";
import { JOB_WORKER } from "../../lib/grpc/protocol.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import { until } from "../worker/fixture.ts";
import { JOB, TestServer } from "./fixture.ts";

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

Deno.test("A client that reads none of its answers has so much of them, and others read on", async () => {
  await using server = await TestServer.start({ getLogs: () => Promise.resolve(PAGE) });
  const { ca, cert, key } = await server.certificates.material("viewer");
  const session = http2.connect(`https://localhost:${server.port}`, {
    ca,
    cert,
    key,
    settings: { initialWindowSize: 0 },
  });
  const closed = new Promise((resolve) => session.once("close", resolve));
  session.on("error", () => {});
  const message = JOB_WORKER.GetLogs.requestSerialize(codecOf("getLogs").writeRequest(REQUEST));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  let answered = 0;
  const refusals: string[] = [];
  for (let call = 0; call < 80; call++) {
    const stream = session.request({
      ":method": "POST",
      ":path": JOB_WORKER.GetLogs.path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => {});
    stream.on("response", (headers) => {
      answered++;
      const why = headers["grpc-message"];
      if (why !== undefined) refusals.push(`${headers["grpc-status"]} ${decodeURI(String(why))}`);
    });
    stream.end(Buffer.concat([prefix, message]));
  }
  await until(() => Promise.resolve(answered === 80));
  // A page is a little more than its bytes.
  assert.deepEqual(
    refusals,
    Array(17).fill(
      '8 Too many large answers of user "viewer" at once: more than 64 MiB are on their way',
    ),
  );
  const read = async (as: "operator" | "viewer") => {
    await using client = await server.connect({ as });
    return (await client.getLogs(REQUEST)).stdout.byteLength;
  };
  assert.equal(await soon(read("operator"), () => "another user's page"), MIB);
  await assert.rejects(read("viewer"), { code: "resource_exhausted" });
  session.destroy();
  await closed;
  // Once they are known to be gone.
  await until(() => read("viewer").then(() => true, () => false));
});
