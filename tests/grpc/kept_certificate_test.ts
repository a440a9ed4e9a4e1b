import { TLSSocket } from "node:tls";
import { assert } from "../assert.ts";
import { JOB, TestServer } from "./fixture.ts";
import { connect } from "../../lib/grpc/client.ts";

Deno.test("A connection is asked for its certificate when it comes, and not with each call", async () => {
  const { getPeerCertificate } = TLSSocket.prototype;
  let asked = 0;
  TLSSocket.prototype.getPeerCertificate = function (this: TLSSocket, detailed?: boolean) {
    asked++;
    return getPeerCertificate.call(this, detailed);
  } as typeof getPeerCertificate;
  try {
    const users: string[] = [];
    await using server = await TestServer.start({
      getJob: (_request, { caller }) => {
        users.push(caller.identity.user);
        return Promise.resolve(JOB);
      },
    });
    const material = await server.certificates.material("client");
    await using client = await connect({ address: `localhost:${server.port}`, ...material });
    await client.getJob({ jobId: JOB.jobId });
    const first = asked;
    for (let call = 0; call < 10; call++) await client.getJob({ jobId: JOB.jobId });
    assert.equal(asked, first);
    assert.equal(new Set(users).size, 1);
    assert.equal(users.length, 11);
  } finally {
    TLSSocket.prototype.getPeerCertificate = getPeerCertificate;
  }
});
