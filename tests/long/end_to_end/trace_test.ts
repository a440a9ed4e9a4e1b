import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { TestDaemon } from "../../end_to_end/daemon.ts";
import { TestProcess } from "../../end_to_end/process.ts";
import { Receiver } from "../../notify/receiver.ts";
import { type CollectedSpan, TestCollector } from "../../tracing/collector.ts";
import { until } from "../../worker/fixture.ts";

/** Kinds of spans, as OTLP has them. */
const [INTERNAL, SERVER] = [1, 2];
const FAILED = 2;

Deno.test("A start is one trace, from the CLI through gateway and engine to the executor", async () => {
  await using collector = new TestCollector();
  await using certificates = await TestCertificates.create();
  const variables = Object.entries(collector.environment).map(([name, value]) =>
    `${name}=${value}`
  );
  await using daemon = await TestDaemon.start(certificates, {
    starter: ["/usr/bin/env", ...variables],
  });
  const cli = async (...args: readonly string[]) => {
    await using process = new TestProcess(daemon.cliLine(args), {
      cwd: daemon.directory,
      env: collector.environment,
    });
    return await process.finished();
  };
  /** Waits for a span below another, with those of the runtime in between, if there are any. */
  const spanOf = (name: string, kind: number, above?: CollectedSpan) =>
    until(() =>
      Promise.resolve(
        collector.spans.find((span) =>
          span.name === name && span.kind === kind &&
          (above === undefined || collector.isBelow(span, above))
        ),
      )
    );

  const { code, stderr } = await cli("start", "--env=TOKEN=geheimnis", "--", "true", "geheimnis");
  assert.equal(code, 0, stderr);
  const started = await spanOf("worker-cli start", INTERNAL);
  assert.match(started.parentSpanId, /^0*$/);
  const method = "jobworker.v1.JobWorker/StartJob";
  const gateway = await spanOf(method, SERVER, started);
  const engine = await spanOf("engine startJob", SERVER, gateway);
  const prepared = await spanOf("executor prepare", SERVER, engine);
  const launched = await spanOf("executor launch", SERVER, engine);
  for (const span of [gateway, engine, prepared, launched]) {
    assert.equal(span.traceId, started.traceId, span.name);
    assert.notEqual(span.status.code, FAILED, span.name);
  }

  // What a start fails of is in every span but those that have gone well, by its code and in no other words.
  assert.equal((await cli("start", "--", "/geheimnis")).code, 125);
  const failed = await until(() => {
    const spans = collector.spans.filter(({ status, name }) =>
      status.code === FAILED && name !== "executor prepare"
    );
    return Promise.resolve(spans.length >= 2 && spans);
  });
  for (const { attributes } of failed) {
    const types = attributes.filter(({ key }) => key === "error.type");
    assert.deepEqual(types.map(({ value }) => value), [{ stringValue: "failed_precondition" }]);
  }
  assert.doesNotMatch(collector.received, /geheimnis/);
});

Deno.test("What the daemon's processes say of themselves is collected, too, without secrets", async () => {
  await using collector = new TestCollector();
  await using certificates = await TestCertificates.create();
  await using receiver = await Receiver.listen(
    certificates,
    () => new Response(null, { status: 500 }),
  );
  const variables = Object.entries({ ...collector.environment, OTEL_DENO_CONSOLE: "replace" })
    .map(([name, value]) => `${name}=${value}`);
  await using daemon = await TestDaemon.start(certificates, {
    starter: ["/usr/bin/env", ...variables],
    args: [
      "--debug",
      "--rest-address=127.0.0.1:0",
      `--notify-allow=${receiver.host}`,
      `--notify-ca=${certificates.paths("server").ca}`,
    ],
  });
  const url = `https://${receiver.host}/geheimnis`;
  const { stdout } = await daemon.printed(
    ...["start", "--notify", url, "--env=TOKEN=geheimnis", "--", "echo", "geheimnis"],
  );
  const said = (pattern: RegExp) =>
    until(() =>
      Promise.resolve(collector.records.find(({ body }) => pattern.test(body.stringValue)))
    );
  const failed = await said(/^Cannot tell .+ of the end of job/);
  assert.equal(failed.severityText, "WARN");
  assert.ok(failed.body.stringValue.includes(stdout.trim()));
  const [, rest = ""] = /REST at (https:\S+)\n/.exec((await daemon.outputs()).stdout) ?? [];
  using http = Deno.createHttpClient({ caCerts: [(await certificates.material("client")).ca] });
  const answer = await fetch(`${rest}/v1/jobs`, {
    client: http,
    headers: { authorization: `Basic ${btoa("mallory:geheimnis")}` },
  });
  await answer.body?.cancel();
  assert.equal(answer.status, 401);
  // A gateway says so, whose standard output is a pipe with something else.
  await said(/mallory/);
  for (const { stringValue } of collector.records.map(({ body }) => body)) {
    assert.ok((await daemon.outputs()).stderr.includes(stringValue.trim()), stringValue);
  }
  assert.doesNotMatch(collector.received, /geheimnis/);
});

Deno.test("Without OTEL_DENO nobody sends anything, whatever else the variables say", async () => {
  await using collector = new TestCollector();
  await using certificates = await TestCertificates.create();
  const { OTEL_DENO: _, ...rest } = collector.environment;
  const variables = Object.entries(rest).map(([name, value]) => `${name}=${value}`);
  {
    await using daemon = await TestDaemon.start(certificates, {
      starter: ["/usr/bin/env", ...variables],
    });
    await daemon.ran("true");
  }
  assert.equal(collector.received, "");
});
