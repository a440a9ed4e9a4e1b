import { once } from "node:events";
import { createServer } from "node:net";
import { abortable } from "../../lib/abortable.ts";
import { type ErrorCode, JobWorkerError } from "../../lib/errors.ts";
import { RestClient, type RestClientOptions } from "../../lib/rest/client.ts";
import type { StartJobRequest } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { issueCa, TestCertificates } from "../certificates.ts";
import { DONE_JOB, JOB, JOB_ID, TestRest } from "./fixture.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());
const ca = certificates.ca.cert;

function clientOf(port: number, options: Partial<RestClientOptions> = {}): RestClient {
  const credentials = { user: "alice", password: "secret" };
  return new RestClient({ address: `localhost:${port}`, ca, credentials, ...options });
}

function failure(code: ErrorCode, words: RegExp, reason?: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof JobWorkerError && error.code === code && words.test(error.message) &&
    error.reason === reason;
}

Deno.test("RestClient asks for health, starts, stops, and tells the status", async () => {
  const starts: StartJobRequest[] = [];
  await using rest = await TestRest.listen(certificates, {
    startJob(request) {
      starts.push(request);
      return Promise.resolve(JOB);
    },
    stopJob: () => Promise.resolve(DONE_JOB),
    getJob: () => Promise.resolve(DONE_JOB),
  });
  for (const host of ["localhost", "127.0.0.1", "0.0.0.0"]) {
    using client = clientOf(0, { address: `${host}:${rest.port}` });
    await client.health();
    assert.equal(await client.start("ls", ["-l", "ü"]), JOB_ID);
    await client.stop(JOB_ID);
    assert.equal(await client.status(JOB_ID), "done");
  }
  assert.deepEqual(starts[0]?.command, {
    name: "ls",
    args: ["-l", "ü"],
    env: {},
    workingDirectory: "",
  });
});

Deno.test("RestClient takes a CA with text before it and blanks at the ends of lines", async () => {
  await using rest = await TestRest.listen(certificates);
  const untidy = `\ufeffsome text\r\n${ca.replaceAll("\n", " \r\n")}`;
  using client = clientOf(rest.port, { ca: untidy });
  await client.health();
});

Deno.test("RestClient throws what the daemon says, with its code", async () => {
  await using rest = await TestRest.listen(certificates, {
    startJob: () => Promise.reject(new JobWorkerError("permission_denied", "You may not")),
    stopJob: () => Promise.reject(new JobWorkerError("failed_precondition", "It has ended")),
  });
  using client = clientOf(rest.port);
  await assert.rejects(client.start("ls", []), failure("permission_denied", /^You may not$/));
  await assert.rejects(client.stop(JOB_ID), failure("failed_precondition", /^It has ended$/));
  await assert.rejects(client.status("../../x y"), failure("not_found", /^No job "/));
  using stranger = clientOf(rest.port, { credentials: { user: "alice", password: "wrong" } });
  await assert.rejects(stranger.status(JOB_ID), failure("unauthenticated", /wrong password/));
});

Deno.test("RestClient says why it does not get through", async () => {
  const issue = async (changes: Parameters<TestCertificates["issue"]>[0]) => ({
    ...await certificates.material("server"),
    ...await certificates.issue({ usages: ["serverAuth"], hosts: ["localhost"], ...changes }),
  });
  const past = new Date(Date.now() - 60_000);
  const bad = {
    SERVER_CERTIFICATE_UNTRUSTED: await issue({ issuer: await issueCa() }),
    SERVER_CERTIFICATE_EXPIRED: await issue({ notAfter: past }),
    SERVER_NAME_MISMATCH: await issue({ hosts: ["elsewhere.test"] }),
  };
  for (const [reason, material] of Object.entries(bad)) {
    await using rest = await TestRest.listen(certificates, {}, { material });
    using client = clientOf(rest.port);
    await assert.rejects(client.health(), failure("unavailable", /certificate/, reason));
  }
  const plain = createServer((socket) => socket.on("error", () => {}).resume().end("hello"));
  await once(plain.listen(0, "127.0.0.1"), "listening");
  const address = plain.address();
  assert.ok(typeof address === "object" && address !== null);
  using client = clientOf(address.port);
  await assert.rejects(client.health(), failure("unavailable", /HTTPS/, "EPROTO"));
  const closed = once(plain, "close");
  plain.close();
  await closed;
  await assert.rejects(client.health(), failure("unavailable", /nothing listens/, "ECONNREFUSED"));
});

Deno.test("RestClient cancels a call by its signal, and the daemon notices", async () => {
  const left = Promise.withResolvers<void>();
  const leaving = new AbortController();
  await using rest = await TestRest.listen(certificates, {
    async getJob(_request, { signal }) {
      signal.addEventListener("abort", () => left.resolve());
      leaving.abort(new Error("enough"));
      return await abortable(new Promise<never>(() => {}), signal);
    },
  });
  using client = clientOf(rest.port);
  await assert.rejects(client.status(JOB_ID, { signal: leaving.signal }), /enough/);
  await left.promise;
});
