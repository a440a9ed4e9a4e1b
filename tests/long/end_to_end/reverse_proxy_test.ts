/**
 * REST behind a real nginx and a real Caddy, and gRPC behind nginx, with the configurations of
 * `docs/reverse_proxy.md`.
 *
 * @module
 */

import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import * as https from "node:https";
import { join } from "node:path";
import { setPassword } from "../../../lib/auth/password_file_edit.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { TestDaemon } from "../../end_to_end/daemon.ts";
import { TestProcess } from "../../end_to_end/process.ts";
import { freePort } from "../../free_port.ts";
import { programLine, ROOT } from "../../programs.ts";
import { basic } from "../../rest/fixture.ts";
import { until } from "../../worker/fixture.ts";

const NGINX = "/usr/sbin/nginx";
const STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";
const CADDY = "/usr/bin/caddy";
const PASSWORD = "correct horse";

/** A test that needs these files, each of a package; without one it is skipped, and says so. */
async function proxyTest(
  name: string,
  needs: Readonly<Record<string, string>>,
  fn: () => Promise<void>,
): Promise<void> {
  const missing: string[] = [];
  for (const [path, packageName] of Object.entries(needs)) {
    if (!await Deno.stat(path).then(() => true, () => false)) missing.push(packageName);
  }
  const why = missing.length === 0 ? "" : ` (skipped: needs ${missing.join(", ")})`;
  Deno.test({ name: name + why, ignore: missing.length > 0, fn });
}

/** The block of the page that a pattern finds, with each text replaced by another. */
async function documented(
  pattern: RegExp,
  replacements: readonly (readonly [old: string, fresh: string])[],
): Promise<string> {
  const page = await Deno.readTextFile(`${ROOT}docs/reverse_proxy.md`);
  let [, text = ""] = pattern.exec(page) ?? [];
  for (const [old, fresh] of replacements) {
    assert.equal(text.split(old).length, 2, `${old} is in the block once`);
    text = text.replace(old, () => fresh);
  }
  return text;
}

/** What a proxy is told beside the text of the page: where it listens, and where the daemon does. */
interface Place {
  readonly directory: string;
  readonly port: number;
  readonly rest: string;
}

/** Starts a proxy with the configuration of the page. */
type Starter = (place: Place) => Promise<TestProcess>;

async function startNginx(directory: string, blocks: string): Promise<TestProcess> {
  const config = join(directory, "nginx.conf");
  await Deno.writeTextFile(
    config,
    [
      ...Deno.uid() === 0 ? ["user root;"] : [],
      "daemon off; master_process off; error_log stderr;",
      `pid ${directory}/nginx.pid;`,
      blocks,
    ].join("\n"),
  );
  return new TestProcess([NGINX, "-p", directory, "-c", config, "-e", "stderr"]);
}

const nginx: Starter = async ({ directory, port, rest }) => {
  const server = await documented(/```nginx\n(server \{[^]*?)```/, [
    ["listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`],
    ["/etc/ssl/jobs.example.pem", join(directory, "jobs-cert.pem")],
    ["/etc/ssl/jobs.example.key", join(directory, "jobs-key.pem")],
    ["https://127.0.0.1:8443", `https://${rest}`],
    ["/etc/job-worker/certs/ca-cert.pem", join(directory, "ca-cert.pem")],
  ]);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) =>
    `${name}_temp_path ${directory}/${name};`
  );
  return await startNginx(
    directory,
    `events {} http { access_log off; ${temporary.join(" ")} ${server} }`,
  );
};

const caddy: Starter = async ({ directory, port, rest }) => {
  const tls = `tls ${directory}/jobs-cert.pem ${directory}/jobs-key.pem`;
  const site = await documented(/```\n(jobs\.example \{[^]*?)```/, [
    // It would ask for a certificate of the name.
    ["jobs.example {", `https://jobs.example:${port} {\n\tbind 127.0.0.1\n\t${tls}`],
    ["https://127.0.0.1:8443", `https://${rest}`],
    ["/etc/job-worker/certs/ca-cert.pem", join(directory, "ca-cert.pem")],
  ]);
  const config = join(directory, "Caddyfile");
  await Deno.writeTextFile(config, `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${site}`);
  const args = ["run", "--config", config, "--adapter", "caddyfile"];
  return new TestProcess([CADDY, ...args], { env: { HOME: directory }, cwd: directory });
};

/** The whole of REST through a proxy: starts, refusals, and live output. */
async function testRest(start: Starter): Promise<void> {
  await using certificates = await TestCertificates.create();
  const { directory } = certificates;
  const users = join(directory, "users.htpasswd");
  await setPassword(users, "alice", { password: PASSWORD, roles: ["operator"] });
  const { cert, key } = await certificates.issue({
    usages: ["serverAuth"],
    hosts: ["jobs.example"],
  });
  await Deno.writeTextFile(join(directory, "jobs-cert.pem"), cert);
  await Deno.writeTextFile(join(directory, "jobs-key.pem"), key, { mode: 0o600 });
  const port = freePort();
  const origin = `https://jobs.example:${port}`;
  await using daemon = await TestDaemon.start(certificates, {
    args: ["--rest-address=127.0.0.1:0", `--users=${users}`, `--public-origins=${origin}`],
  });
  const [, rest = ""] = await until(async () =>
    /serving REST at https:\/\/(\S+)\n/.exec((await daemon.outputs()).stdout) ?? false
  );
  await using _proxy = await start({ directory, port, rest });

  const request = async (
    path: string,
    { headers = {}, body }: { headers?: Record<string, string>; body?: unknown } = {},
  ): Promise<IncomingMessage> => {
    const sent = https.request({
      host: "127.0.0.1",
      port,
      path,
      servername: "jobs.example",
      ca: certificates.ca.cert,
      agent: false,
      method: body === undefined ? "GET" : "POST",
      headers: {
        Host: `jobs.example:${port}`,
        Authorization: basic("alice", PASSWORD),
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...headers,
      },
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = await once(sent, "response");
    return response;
  };
  const textOf = async (response: IncomingMessage) => {
    let text = "";
    for await (const bytes of response) text += bytes;
    return text;
  };
  const health = await until(async () => await request("/health/").catch(() => false as const));
  assert.equal(await textOf(health), '{"status":"ok"}');
  const page = await request("/");
  assert.match(await textOf(page), /<html/);

  const browser = { Origin: origin, "Sec-Fetch-Site": "same-origin" };
  const command = { command: "sh", args: ["-c", "echo first; sleep 1000"] };
  const started = await request("/start/", { headers: browser, body: command });
  assert.equal(started.statusCode, 200);
  const { jobId } = JSON.parse(await textOf(started));
  const refused: Record<string, string>[] = [
    { Origin: "https://evil.example" },
    { Host: "evil.example" },
    { Host: "evil.example", Origin: "https://evil.example" },
    { ...browser, "Sec-Fetch-Site": "cross-site" },
  ];
  for (const headers of refused) {
    const response = await request("/start/", { headers, body: command });
    const text = await textOf(response);
    // To names that are none of its own, Caddy says nothing itself, and 200.
    const byProxy = headers.Host !== undefined && text === "";
    assert.ok(response.statusCode === 403 || byProxy, `${Deno.inspect(headers)}: ${text}`);
  }

  const log = await request(`/v1/jobs/${jobId}/logs?follow=true`, {
    headers: { Accept: "text/event-stream" },
  });
  assert.equal(log.headers["content-type"], "text/event-stream");
  let events = "";
  log.on("data", (bytes) => events += bytes);
  const ended = once(log, "end");
  // The job runs on: what it has printed must not wait for its end.
  await until(() => Promise.resolve(events.includes("first")));
  assert.ok(!events.includes("event: end"));
  const stopped = await request("/stop/", { headers: browser, body: { jobId } });
  assert.equal(await textOf(stopped), '{"status":"success","error":null}');
  await ended;
  assert.match(events, /event: end/);
}

await proxyTest(
  "REST works behind nginx as the documentation has it",
  { [NGINX]: "nginx" },
  () => testRest(nginx),
);

await proxyTest(
  "REST works behind Caddy as the documentation has it",
  { [CADDY]: "caddy" },
  () => testRest(caddy),
);

await proxyTest(
  "gRPC works behind nginx as the documentation has it",
  { [NGINX]: "nginx", [STREAM_MODULE]: "libnginx-mod-stream" },
  async () => {
    await using certificates = await TestCertificates.create();
    await using daemon = await TestDaemon.start(certificates);
    const port = freePort();
    const stream = await documented(/```nginx\n(stream \{[^]*?)```/, [
      ["listen 8080;", `listen 127.0.0.1:${port};`],
      ["proxy_pass 127.0.0.1:8081;", `proxy_pass ${daemon.address};`],
    ]);
    await using _proxy = await startNginx(
      certificates.directory,
      `load_module ${STREAM_MODULE};\nevents {}\n${stream}`,
    );
    const { cert, key, ca } = certificates.paths("operator");
    await using client = new TestProcess([
      ...programLine("worker-cli", daemon.directory),
      ...[`--address=127.0.0.1:${port}`, `--cert=${cert}`, `--key=${key}`, `--ca=${ca}`],
      ...["run", "--", "echo", "through"],
    ]);
    const { code, stdout, stderr } = await client.finished();
    assert.deepEqual([code, stdout], [0, "through\n"], stderr);
  },
);
