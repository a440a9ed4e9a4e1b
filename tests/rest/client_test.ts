import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { abortable } from "../../lib/async/abortable.ts";
import { type ErrorCode, JobWorkerError } from "../../lib/errors.ts";
import { RestClient, type RestClientOptions } from "../../lib/rest/client.ts";
import type { StartJobRequest } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { issueCa, TestCertificates } from "../certificates.ts";
import { soon } from "../soon.ts";
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

Deno.test("RestClient understands a newer daemon as far as it can", async () => {
  const answers: Record<string, unknown> = {
    "/start/": { status: "paused", jobId: JOB_ID, place: 3, error: null },
    [`/status/${JOB_ID}`]: { status: "success", error: null, jobStatus: "paused" },
  };
  const { cert, key } = await certificates.material("server");
  await using daemon = Deno.serve(
    { hostname: "localhost", port: 0, cert, key, onListen: () => {} },
    (request) => Response.json(answers[new URL(request.url).pathname]),
  );
  using client = clientOf(daemon.addr.port);
  assert.equal(await client.start("ls", []), JOB_ID);
  assert.equal(await client.status(JOB_ID), "unknown");
  // It refuses what is no answer at all.
  answers["/start/"] = { status: "running" };
  await assert.rejects(
    client.start("ls", []),
    failure("internal", /^Cannot understand the answer of the daemon: jobId must be a string$/),
  );
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

function portOf(server: Server): number {
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return address.port;
}

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
  // As gRPC is served, and without a word on which protocol that is.
  for (const protocols of [["h2"], []]) {
    const { ca, ...material } = await certificates.material("server");
    const options = {
      ...{ ...material, ca, requestCert: true, minVersion: "TLSv1.3" } as const,
      ...(protocols.length > 0 && { ALPNProtocols: protocols }),
    };
    const grpc = createTlsServer(options).on("tlsClientError", () => {});
    await once(grpc.listen(0, "127.0.0.1"), "listening");
    // It depends on nobody being faster than somebody else.
    for (let time = 0; time < (protocols.length > 0 ? 10 : 1); time++) {
      using client = clientOf(portOf(grpc));
      await assert.rejects(client.health(), failure("unavailable", /gRPC/, "NOT_REST"));
    }
    const closed = once(grpc, "close");
    grpc.close();
    await closed;
  }
  const plain = createServer((socket) => socket.on("error", () => {}).resume().end("hello"));
  await once(plain.listen(0, "127.0.0.1"), "listening");
  using client = clientOf(portOf(plain));
  await assert.rejects(client.health(), failure("unavailable", /HTTPS/, "EPROTO"));
  const closed = once(plain, "close");
  plain.close();
  await closed;
  await assert.rejects(client.health(), failure("unavailable", /nothing listens/, "ECONNREFUSED"));
});

Deno.test("RestClient reads the code of every answer, and the words of both forms", async () => {
  const codes: Record<number, ErrorCode> = {
    400: "invalid_argument",
    401: "unauthenticated",
    403: "permission_denied",
    404: "not_found",
    409: "failed_precondition",
    413: "invalid_argument",
    418: "internal",
    429: "resource_exhausted",
    500: "internal",
    502: "unavailable",
    503: "unavailable",
    504: "unavailable",
  };
  let answer = () => new Response();
  await using rest = await TestRest.listen(certificates, {}, { answer: () => answer() });
  using client = clientOf(rest.port);
  for (const [status, code] of Object.entries(codes)) {
    for (const member of ["error", "detail"]) {
      const words = `${member} ${status}`;
      answer = () => Response.json({ [member]: words }, { status: Number(status) });
      await assert.rejects(client.health(), failure(code, new RegExp(`^${words}$`)), words);
    }
    answer = () => new Response("<html>", { status: Number(status) });
    await assert.rejects(client.health(), failure(code, /./), status);
  }
});

Deno.test("RestClient follows no redirection, and so takes its password to nobody else", async () => {
  let others = 0;
  await using other = await TestRest.listen(certificates, {}, {
    answer: () => {
      others++;
      return Response.json({ status: "ok" });
    },
  });
  const location = `https://localhost:${other.port}/health/`;
  for (const status of [301, 302, 307, 308]) {
    await using rest = await TestRest.listen(certificates, {}, {
      answer: () => new Response(null, { status, headers: { Location: location } }),
    });
    using client = clientOf(rest.port);
    await assert.rejects(client.health(), { code: "unavailable" });
    await assert.rejects(client.start("ls", []), { code: "unavailable" });
  }
  assert.equal(others, 0);
});

Deno.test("RestClient cancels every call by its signal, and the daemon notices", async () => {
  let leaving = new AbortController();
  let left = Promise.withResolvers<void>();
  let called = 0;
  await using rest = await TestRest.listen(certificates, {}, {
    async answer({ signal }) {
      called++;
      signal.addEventListener("abort", () => left.resolve());
      leaving.abort(new Error("enough"));
      return await abortable(new Promise<never>(() => {}), signal);
    },
  });
  using client = clientOf(rest.port);
  const calls: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
    health: (signal) => client.health({ signal }),
    start: (signal) => client.start("ls", [], { signal }),
    stop: (signal) => client.stop(JOB_ID, { signal }),
    status: (signal) => client.status(JOB_ID, { signal }),
  };
  for (const [name, call] of Object.entries(calls)) {
    leaving = new AbortController();
    left = Promise.withResolvers();
    const outcome = assert.rejects(call(leaving.signal), /^Error: enough$/);
    await soon(outcome, () => `${name} to be cancelled`);
    await soon(left.promise, () => `the daemon to notice that ${name} was left`);
    await assert.rejects(call(leaving.signal), /^Error: enough$/);
  }
  assert.equal(called, Object.keys(calls).length);
});
