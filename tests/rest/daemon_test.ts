import { PASSWORD, startRestDaemon } from "./real_daemon.ts";
import { join } from "node:path";
import { setPassword } from "../../lib/auth/password_file_edit.ts";
import { assert } from "../assert.ts";
import { type Finished, TestProcess } from "../end_to_end/process.ts";
import { programLine } from "../programs.ts";
import { until } from "../worker/fixture.ts";
import { basic } from "./fixture.ts";

const rest = await startRestDaemon();
Deno.test.afterAll(async () => await rest[Symbol.asyncDispose]());
const { certificates, users, daemon, restAddress: address, http } = rest;

function ask(path: string, user = "alice", init: RequestInit = {}): Promise<Response> {
  const headers = { Authorization: basic(user, PASSWORD), ...init.headers };
  return fetch(`https://${address}${path}`, { client: http, ...init, headers });
}

async function post(path: string, body: unknown, user = "alice"): Promise<[number, Json]> {
  const response = await ask(path, user, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: basic(user, PASSWORD) },
    body: JSON.stringify(body),
  });
  return [response.status, await response.json()];
}

type Json = Record<string, unknown>;

/** `worker-cli` in one of the forms that use REST. */
async function cli(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  const settings = [`--rest-address=${address}`, `--ca=${certificates.paths("client").ca}`];
  await using process = new TestProcess([
    ...programLine("worker-cli", daemon.directory),
    ...settings,
    ...args,
  ], {
    cwd: daemon.directory,
    env: { WORKER_USER: "alice", WORKER_PASSWORD: PASSWORD, ...env },
  });
  return await process.finished();
}

Deno.test("A job started over REST is the user's own, on every API and in the audit trail", async () => {
  const [status, started] = await post("/start/", { command: "sh", args: ["-c", "echo hi; cat"] });
  assert.equal(status, 200);
  const { jobId } = started;
  const job = await daemon.cli(["wait", "--json", String(jobId)]);
  assert.equal(JSON.parse(job.stdout).owner, "alice");
  assert.equal(await (await ask(`/v1/jobs/${jobId}/logs`)).text(), "hi\n");
  const audit = await Deno.readTextFile(join(daemon.directory, "data", "audit.log"));
  const line = audit.split("\n").find((line) => line.includes('"startJob"'));
  const { time: _, peer, ...entry } = JSON.parse(line ?? "");
  assert.match(peer, /^127\.0\.0\.1:\d+$/);
  assert.equal(entry.user, "alice");
  assert.deepEqual(entry.roles, ["operator"]);
  assert.equal(entry.jobId, jobId);
  assert.doesNotMatch(audit, new RegExp(PASSWORD));
});

Deno.test("Roles and ownership are those of gRPC", async () => {
  const foreign = await daemon.sh("sleep 1000");
  const hidden = await ask(`/status/${foreign}`);
  assert.equal(hidden.status, 404);
  const unknown = await ask("/status/01890a5d-ac96-774b-bcce-b302099a8057");
  const [seen, missing] = [await hidden.json(), await unknown.json()];
  assert.equal(seen.error.replace(foreign, ""), missing.error.replace(/[0-9a-f-]{36}/, ""));
  assert.equal((await post("/stop/", { jobId: foreign }))[0], 404);
  assert.equal((await (await ask(`/status/${foreign}`, "victor")).json()).jobStatus, "running");
  assert.equal((await post("/stop/", { jobId: foreign }, "victor"))[0], 403);
  assert.equal((await post("/start/", { command: "true" }, "victor"))[0], 403);
  await daemon.cli(["stop", foreign]);
});

Deno.test("worker-cli starts, asks for and stops a job over REST", async () => {
  assert.equal((await cli(["--health"])).stdout, "ok\n");
  const { stdout, stderr, code } = await cli(["--start", "--", "sleep", "1000"]);
  assert.equal(code, 0, stderr);
  const jobId = stdout.trim();
  assert.equal((await cli(["--status", jobId])).stdout, "running\n");
  assert.equal((await cli(["--stop", jobId])).code, 0);
  assert.equal((await cli(["--status", jobId])).stdout, "cancelled\n");
  const again = await cli(["--stop", jobId]);
  assert.equal(again.code, 125);
  assert.match(again.stderr, /already ended/);
  const stranger = await cli(["--status", jobId], { WORKER_PASSWORD: "guess" });
  assert.equal(stranger.code, 125);
  assert.match(stranger.stderr, /wrong password/);
});

Deno.test("A follower sees the lines of a job as they come, and how it ended", async () => {
  const script = "echo one; read -r line < pipe; echo two >&2; exit 3";
  const pipe = join(daemon.directory, "pipe");
  await new Deno.Command("mkfifo", { args: [pipe] }).output();
  const [, job] = await post("/v1/jobs", {
    command: { name: "sh", args: ["-c", script], workingDirectory: daemon.directory },
  });
  const response = await ask(`/v1/jobs/${job.jobId}/logs?follow=1`);
  let text = "";
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece;
    if (text.includes("one") && !text.includes("two")) await Deno.writeTextFile(pipe, "go\n");
  }
  assert.match(text, /"stdout".*"text":"one\\n"[^]*"stderr".*"text":"two\\n"/);
  assert.match(text, /event: end\ndata: .*"exitStatus":\{"code":3\}/);
  // One look at a log is one line, however long it takes.
  const trail = await Deno.readTextFile(join(daemon.directory, "data", "audit.log"));
  const looks = trail.split("\n").filter((line) =>
    line.includes('"streamLogs"') && line.includes(`${job.jobId}`)
  );
  assert.equal(looks.length, 1, looks.join("\n"));
});

Deno.test("A new user may log in after SIGHUP, and a failed login is told without the password", async () => {
  const bad = await ask("/v1/jobs", "carol\n");
  await bad.body?.cancel();
  assert.equal(bad.status, 401);
  await setPassword(users, "carol", { password: PASSWORD, roles: ["viewer"] });
  Deno.kill(daemon.pid, "SIGHUP");
  await until(async () => {
    const response = await ask("/v1/jobs", "carol");
    await response.body?.cancel();
    return response.status === 200;
  });
  const { stderr } = await daemon.outputs();
  assert.match(stderr, /Failed login of carol\\x0a from 127\.0\.0\.1:\d+/);
  assert.doesNotMatch(stderr, new RegExp(`${PASSWORD}|${basic("carol\n", PASSWORD)}`));
  const trail = await Deno.readTextFile(`${daemon.directory}/data/audit.log`);
  assert.match(trail, /"user":"carol\\n","peer":"[^"]+","method":"login","decision":"denied"/);
  assert.doesNotMatch(trail, new RegExp(PASSWORD));
});
