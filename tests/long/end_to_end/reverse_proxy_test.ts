/**
 * REST behind a real nginx, with the configuration of `docs/reverse_proxy.md`.
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
import { ROOT } from "../../programs.ts";
import { basic } from "../../rest/fixture.ts";
import { until } from "../../worker/fixture.ts";

const NGINX = "/usr/sbin/nginx";
const PASSWORD = "correct horse";

const isInstalled = await Deno.stat(NGINX).then(() => true, () => false);

/** A port that nobody has at the moment. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** The configuration of the page, with the ports and paths of this test. */
async function configuration(directory: string, ports: { own: number; rest: string }) {
  const text = await Deno.readTextFile(`${ROOT}docs/reverse_proxy.md`);
  const [, documented = ""] = /```nginx\n(server \{[^]*?)```/.exec(text) ?? [];
  const replaced: readonly [string, string][] = [
    ["listen 443 ssl;", `listen 127.0.0.1:${ports.own} ssl;`],
    ["/etc/ssl/jobs.example.pem", join(directory, "jobs-cert.pem")],
    ["/etc/ssl/jobs.example.key", join(directory, "jobs-key.pem")],
    ["https://127.0.0.1:8443", `https://${ports.rest}`],
    ["/etc/job-worker/certs/ca-cert.pem", join(directory, "ca-cert.pem")],
  ];
  let server = documented;
  for (const [old, fresh] of replaced) {
    assert.equal(server.split(old).length, 2, `${old} is in the page once`);
    server = server.replace(old, () => fresh);
  }
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) =>
    `${name}_temp_path ${directory}/${name};`
  );
  return [
    ...Deno.uid() === 0 ? ["user root;"] : [],
    "daemon off; master_process off; error_log stderr;",
    `pid ${directory}/nginx.pid;`,
    `events {} http { access_log off; ${temporary.join(" ")} ${server} }`,
  ].join("\n");
}

Deno.test({
  name: "REST works behind nginx as the documentation has it: starts, refusals, and live output",
  ignore: !isInstalled,
  async fn() {
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
    const config = join(directory, "nginx.conf");
    await Deno.writeTextFile(config, await configuration(directory, { own: port, rest }));
    await using _nginx = new TestProcess([NGINX, "-p", directory, "-c", config, "-e", "stderr"]);

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
      assert.equal(response.statusCode, 403, Deno.inspect(headers));
      response.resume();
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
  },
});
