import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { Scraped } from "../metrics/scraped.ts";
import { isSigned, Receiver } from "../notify/receiver.ts";
import { until } from "../worker/fixture.ts";
import { TestDaemon } from "./daemon.ts";

Deno.test("Webhooks that the daemon allows are told how a job has ended, signed and without secrets", async () => {
  await using certificates = await TestCertificates.create();
  const receiver = await Receiver.listen(certificates);
  // It is allowed to the daemon, not to its jobs.
  await using another = await Receiver.listen(certificates);
  await using daemon = await TestDaemon.start(certificates, {
    args: [
      `--notify-allow=${receiver.host}`,
      `--notify=https://${another.host}/all`,
      "--notify-filter=status=failed",
      `--notify-ca=${certificates.paths("server").ca}`,
      "--metrics-address=0",
    ],
  });
  const refused = await daemon.cli([
    ...["start", "--notify", `https://${another.host}/`, "--", "true"],
  ]);
  assert.deepEqual([refused.code, refused.stdout], [125, ""]);
  assert.match(refused.stderr, /^worker-cli: --notify: Cannot notify "localhost:\d+": .+ only/);
  // This one has no webhook, and is none of those that the daemon's is told of.
  await daemon.printed("start", "--", "true");

  const url = `https://${receiver.host}/hook/secret-path?token=secret-token`;
  const line = ["start", "--notify", url, "--env", "PASSWORD=secret-value", "--label=a=b"];
  const { stdout } = await daemon.printed(...line, "--", "sh", "-c", "exit 3");
  const jobId = stdout.trim();
  const shown = `https://${receiver.host}/***`;
  // It is what somebody sees who may only look.
  const seen = await until(async () => {
    const { stdout } = await daemon.cli(["status", "--json", jobId], "viewer");
    const job = JSON.parse(stdout);
    return job.notify.state !== "pending" && job;
  });
  assert.deepEqual(seen.notify, { url: shown, state: "delivered" });
  const { stdout: own } = await daemon.printed("status", "--json", jobId);
  assert.deepEqual(JSON.parse(own).notify, { url, state: "delivered" });

  const [received] = await receiver.has(1);
  const [toAll] = await another.has(1);
  assert.ok(received !== undefined && toAll !== undefined);
  const key = `${daemon.directory}/data/notify.key`;
  assert.equal(((await Deno.stat(key)).mode ?? 0) & 0o777, 0o600);
  const secret = await Deno.readTextFile(key);
  for (const request of [received, toAll]) {
    assert.ok(isSigned(request, secret));
    assert.ok(!isSigned({ ...request, body: `${request.body} ` }, secret));
    assert.equal(request.headers["webhook-id"], `ended_${jobId}`);
    assert.equal(request.headers["content-type"], "application/json");
  }
  assert.equal(received.path, "/hook/secret-path?token=secret-token");
  assert.equal(toAll.path, "/all");
  const { type, timestamp, data } = JSON.parse(received.body);
  assert.deepEqual({ ...data, notify: seen.notify }, seen);
  assert.deepEqual(data.notify, { url: shown, state: "pending" });
  assert.deepEqual([type, timestamp], ["job.ended", data.finishDate]);
  assert.deepEqual([data.status, data.exitStatus, data.labels], ["failed", { code: 3 }, {
    a: "b",
  }]);

  const [, metrics = ""] = await until(async () =>
    /serving metrics at (\S+)\n/.exec((await daemon.outputs()).stdout) ?? false
  );
  const scraped = new Scraped(metrics);
  await scraped.reaches("job_worker_webhook_calls_total", { result: "delivered" }, 2);
  assert.equal(scraped.of("job_worker_process_up", { process: "notifier" }), 1);

  // What is said of a failure has no path either, however it is written.
  await receiver[Symbol.asyncDispose]();
  await daemon.printed("start", "--notify", `${url}|"^secret-end`, "--", "true");
  await until(async () => /Cannot tell .+ of the end of job/.test((await daemon.outputs()).stderr));

  const { stdout: text } = await daemon.printed("status", jobId);
  assert.match(text, /^Webhook: +https:\/\/localhost:\d+\/\*\*\*: delivered$/m);
  // Nothing secret is anywhere but in the records and the key.
  const audit = await Deno.readTextFile(`${daemon.directory}/data/audit.log`);
  assert.ok(audit.includes(`"notify":"${shown}"`));
  for (const said of [audit, (await daemon.outputs()).stderr, received.body, text]) {
    assert.doesNotMatch(said, /secret-|whsec_/);
  }
  const told = [...receiver.received, ...another.received].map(({ headers }) =>
    headers["webhook-id"]
  );
  assert.deepEqual([...new Set(told)], [`ended_${jobId}`]);
});
