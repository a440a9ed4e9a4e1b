import { gatewayCommand } from "../../../lib/daemon/gateway_command.ts";
import { GatewayProcess } from "../../../lib/daemon/gateway_process.ts";
import type { GatewayOptions } from "../../../lib/daemon/gateway_protocol.ts";
import { readCredentials } from "../../../lib/daemon/credentials.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { TestDaemon } from "../../end_to_end/daemon.ts";
import { IS_SOURCE, ROOT } from "../../programs.ts";

const ANYWHERE = { hostname: "127.0.0.1", port: 0 };

Deno.test({
  name: "A gateway hears of logins that end while it finishes its calls",
  ignore: !IS_SOURCE,
  async fn() {
    await using certificates = await TestCertificates.create();
    await using daemon = await TestDaemon.start(certificates);
    const sessions = { key: new Uint8Array(32).toBase64(), list: [] };
    const options: GatewayOptions = {
      credentials: await readCredentials({
        ...certificates.paths("server"),
        ...{ denyList: "", restAddress: null, users: "" },
      }),
      socket: `${daemon.directory}/data/engine.sock`,
      ...{ address: ANYWHERE, restAddress: ANYWHERE, publicOrigins: [], sessions },
      ...{ maxConnections: 10, maxConnectionsPerAddress: 10, maxCalls: 16 },
      inherited: { grpc: null, rest: null },
      ...{ exclusive: true, slowness: 1, debug: false, journal: false },
    };
    await using gateway = new GatewayProcess({
      setsid: "/usr/bin/setsid",
      argv: [...gatewayCommand(options).slice(0, -2), `${ROOT}server.ts`, "gateway"],
      onRefused: () => {},
      onSession: () => {},
      restoreSocket: () => Promise.resolve(),
    });
    const { restAddress } = await gateway.serve(options, new AbortController().signal);
    const ca = await Deno.readTextFile(certificates.paths("client").ca);
    using connection = await Deno.connectTls({
      hostname: "localhost",
      port: restAddress?.port ?? 0,
      caCerts: [ca],
    });
    // A call that goes on until its body comes, and has been taken once it is asked to send that.
    const lines = [
      ...["POST /login HTTP/1.1", "Host: localhost", "Expect: 100-continue"],
      ...["Content-Type: application/x-www-form-urlencoded", "Content-Length: 1", "", ""],
    ];
    await connection.write(new TextEncoder().encode(lines.join("\r\n")));
    const answer = new Uint8Array(12);
    await connection.read(answer);
    assert.equal(new TextDecoder().decode(answer), "HTTP/1.1 100");
    const drained = gateway.drain(10_000);
    const first = await Promise.race([
      gateway.tellSessions(sessions).then(() => "told"),
      gateway.ended,
    ]);
    assert.equal(first, "told");
    await connection.write(new TextEncoder().encode("x"));
    await drained;
    assert.equal(await gateway.ended, "it exited with code 0");
  },
});
