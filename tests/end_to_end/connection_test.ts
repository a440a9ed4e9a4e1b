import { assert } from "../assert.ts";
import { issueCa } from "../certificates.ts";
import { freePort } from "../free_port.ts";
import { COMMAND_HINTS } from "../programs.ts";
import { until } from "../worker/fixture.ts";
import { sharedDaemon, TestDaemon } from "./daemon.ts";

const daemon = await sharedDaemon();
const { certificates } = daemon;
const { makeCertificates, makeClient, startDaemon } = COMMAND_HINTS;

/** Puts a certificate and its key where the CLI, or a daemon, finds them, and returns the options. */
async function stored(
  name: string,
  { cert, key }: { readonly cert: string; readonly key: string },
): Promise<string[]> {
  const path = `${certificates.directory}/${name}`;
  await Deno.writeTextFile(`${path}-cert.pem`, cert);
  await Deno.writeTextFile(`${path}-key.pem`, key, { mode: 0o600 });
  return [`--cert=${path}-cert.pem`, `--key=${path}-key.pem`];
}

/** What a CLI says that cannot do its work: no stack, nothing on stdout, exit status 125. */
async function complaint(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.cli([...args, "list", "all"]);
  assert.deepEqual([code, stdout], [125, ""], stderr);
  assert.match(stderr, /^worker-cli: [A-Z]/);
  assert.doesNotMatch(stderr, /^ +at /m);
  return stderr;
}

Deno.test("the CLI says that no daemon is there, and how to start one", async () => {
  const address = `127.0.0.1:${freePort()}`;
  assert.equal(
    await complaint(`--address=${address}`),
    `worker-cli: Cannot connect to the daemon at ${address}: nothing listens there\n` +
      `Is the daemon running at ${address}? Start it with \`${startDaemon}\`, ` +
      `or pass its address with --address host:port\n`,
  );
  const [unknown, notOurs] = await Promise.all([
    complaint("--address=no-such-host.invalid:8080"),
    silentServer((silent) => complaint(`--address=${silent}`)),
  ]);
  assert.match(unknown, /the name of the host is unknown\nIs the host name in --address /);
  assert.match(notOurs, /Cannot connect to the daemon at 127\.0\.0\.1:\d+: /);
});

/** Something that listens, but speaks another language. */
async function silentServer<T>(use: (address: string) => Promise<T>): Promise<T> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    for await (const connection of listener) {
      await connection.write(new TextEncoder().encode("220 mail.example ESMTP\r\n"));
      connection.close();
    }
  })();
  try {
    return await use(`127.0.0.1:${listener.addr.port}`);
  } finally {
    listener.close();
    await served;
  }
}

Deno.test("the CLI trusts no daemon whose certificate is of another CA", async () => {
  const ca = `${certificates.directory}/other-ca.pem`;
  await Deno.writeTextFile(ca, (await issueCa()).cert);
  const text = await complaint(`--ca=${ca}`);
  assert.match(text, /certificate was not issued by the CA that is trusted here\n/);
  assert.match(text, /daemon's certificate is not from a CA in .*--ca/);
  // The TLS stack of either side tells the other first.
  await until(async () =>
    /TLS handshake failed: the client does not trust the certificate of this/
      .test((await daemon.outputs()).stderr)
  );
});

Deno.test("the CLI says when its own certificate will not do", async () => {
  const hour = 3_600_000;
  const now = Date.now();
  const [expired, early, server, foreign, nobody] = await Promise.all([
    certificates.issue({ notBefore: new Date(now - 9 * hour), notAfter: new Date(now - hour) }),
    certificates.issue({ notBefore: new Date(now + hour), notAfter: new Date(now + 9 * hour) }),
    certificates.issue({ usages: ["serverAuth"] }),
    certificates.issue({ issuer: await issueCa("Stranger") }),
    certificates.issue({ subject: [["CN", "nobody"]] }),
  ]);
  const [expiredText, earlyText, serverText, foreignText, nobodyText, keyText, none] = await Promise
    .all([
      stored("expired", expired).then((options) => complaint(...options)),
      stored("early", early).then((options) => complaint(...options)),
      stored("for-servers", server).then((options) => complaint(...options)),
      stored("foreign", foreign).then((options) => complaint(...options)),
      stored("nobody", nobody).then((options) => complaint(...options)),
      complaint(`--key=${certificates.paths("viewer").key}`),
      complaint("--cert=/nowhere.pem"),
    ]);
  assert.match(
    expiredText,
    new RegExp(
      `expired-cert\\.pem" expired on .*ask whoever runs the daemon .*${makeCertificates} renew`,
    ),
  );
  assert.match(earlyText, /early-cert\.pem" is not valid before .*check the clock/);
  for (const text of [serverText, foreignText]) {
    assert.match(
      text,
      new RegExp(
        `it refuses the client certificate\nThe daemon does not accept ".*${makeCertificates}`,
      ),
    );
  }
  assert.match(nobodyText, /Permission denied: user "nobody" with no role may not call listJobs\n/);
  assert.match(keyText, /Private key ".*viewer-key\.pem" does not belong to certificate "/);
  assert.match(
    none,
    new RegExp(`certificate "/nowhere\\.pem": there is no such file; .*${makeClient}`),
  );
  // There is one of each: trying again is of no use.
  const refused = /WARNING Refused 127\.0\.0\.1:\d+: TLS handshake failed: the client certificate/g;
  const seen = await until(async () => {
    const lines = (await daemon.outputs()).stderr.match(refused) ?? [];
    return lines.length >= 2 && lines;
  });
  assert.equal(seen.length, 2, seen.join("\n"));
});

Deno.test("the CLI trusts no daemon whose certificate is for another host", async () => {
  const elsewhere = await certificates.issue({
    subject: [["CN", "elsewhere"]],
    usages: ["serverAuth"],
    hosts: ["elsewhere.example", "192.0.2.1"],
  });
  await using other = await TestDaemon.start(certificates, {
    args: await stored("elsewhere", elsewhere),
  });
  const [ip, name] = await Promise.all(
    ["127.0.0.1", "localhost"].map((host) => complaint(`--address=${host}:${other.port}`)),
  );
  for (const text of [ip, name]) {
    assert.match(
      text ?? "",
      new RegExp(`its certificate is for another host\n.*${makeCertificates} renew server --host`),
    );
  }
});

Deno.test("health says whether the daemon takes calls", async () => {
  const [serving, json, gone] = await Promise.all([
    daemon.cli(["health"]),
    daemon.cli(["health", "--json"], "viewer"),
    daemon.cli([`--address=127.0.0.1:${freePort()}`, "health"]),
  ]);
  assert.deepEqual([serving.code, serving.stdout], [0, "serving\n"]);
  assert.deepEqual([json.code, JSON.parse(json.stdout)], [0, { status: "serving" }]);
  assert.deepEqual([gone.code, gone.stdout], [125, ""]);
});
