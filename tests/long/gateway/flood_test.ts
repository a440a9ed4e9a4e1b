import { join } from "node:path";
import { setPassword } from "../../../lib/auth/password_file_edit.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { Flood, neighbours, networks } from "../../flood.ts";
import { TestHouse } from "../../gateway/fixture.ts";
import { Follower, PrintingJobs } from "../../gateway/followers.ts";
import { basic, RawConnection } from "../../rest/fixture.ts";
import { until } from "../../worker/fixture.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

const CROWDS = { "Fifty networks": networks(50), "Fifty neighbours": neighbours(50) };
/** Longer than it takes to find that a gateway does not answer, and to kill it. */
const FLOOD_MS = 15_000;
/** The type of the first frame that a server sends, RFC 9113 §3.4. */
const SETTINGS = 4;
const PASSWORD = "correct horse";

/** A connection over gRPC from that address, once the daemon has let it in. */
async function certified(port: number, localAddress: string): Promise<RawConnection> {
  const options = {
    ...await certificates.material("client"),
    ALPNProtocols: ["h2"],
    localAddress,
  };
  const connection = await RawConnection.open(port, options);
  const [frame] = await connection.seen(/^[^]{9}/);
  assert.equal(frame.charCodeAt(3), SETTINGS);
  return connection;
}

/** A connection over REST from that address, once a request of Alice has been answered. */
async function loggedIn(port: number, localAddress: string): Promise<RawConnection> {
  const options = { ca: certificates.ca.cert, localAddress };
  const connection = await RawConnection.open(port, options);
  const authorization = `Authorization: ${basic("alice", PASSWORD)}`;
  connection.socket.write(`GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n${authorization}\r\n\r\n`);
  await connection.seen(/HTTP\/1.1 200 OK/);
  return connection;
}

for (const [crowd, addresses] of Object.entries(CROWDS)) {
  Deno.test(`${crowd} without certificate or password keep nobody out, and cost no gateway`, async () => {
    const users = join(certificates.directory, "users");
    await setPassword(users, "alice", { password: PASSWORD, roles: ["viewer"] });
    await using house = await TestHouse.start(certificates, {
      // Room for 324 connections over gRPC, and half as many over REST.
      starter: ["sh", "-c", 'ulimit -n 1024; exec "$@"', "sh"],
      args: ["--rest-address=127.0.0.1:0", `--users=${users}`],
      expected: /^$/,
    });
    const grpcPort = house.daemon.port;
    const [, port] = await until(async () =>
      /REST at https:\/\/\S+:(\d+)\n/.exec((await house.daemon.outputs()).stdout) ?? false
    );
    const restPort = Number(port);
    const gateway = await house.gateway();
    const client = await house.connect();
    const jobs = await PrintingJobs.start(house.daemon, client, 1);
    const follower = new Follower(client, jobs.ids[0] ?? "");
    await using _flood = await Flood.start({ port: grpcPort, addresses, connectionsOfEach: 2 });
    await using _other = await Flood.start({ port: restPort, addresses, connectionsOfEach: 1 });
    await house.diagnosed(/Refused .*There are already too many connections/);
    const end = performance.now() + FLOOD_MS;
    for (let host = 1; performance.now() < end; host++) {
      await using _grpc = await certified(grpcPort, `127.200.${host}.1`);
      await using _rest = await loggedIn(restPort, `127.200.${host}.2`);
      await follower.advances();
    }
    const stored = await jobs.end();
    assert.equal(await follower.text, stored.get(follower.jobId));
    assert.equal(await house.gateway(), gateway);
  });
}
