import { connect } from "@nats-io/transport-node";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { natsTest, TestNatsServer } from "./nats_server.ts";

natsTest(
  "The test's own server is killed, and started again where clients look for it",
  async () => {
    await using directory = await temporaryDirectory();
    const config = `${directory.path}/nats.conf`;
    await Deno.writeTextFile(config, "max_payload: 4096\n");
    await using server = await TestNatsServer.start({ config });
    const payload = async () => {
      const connection = await connect({ servers: `127.0.0.1:${server.port}`, resolve: false });
      const { info } = connection;
      await connection.close();
      return info?.max_payload;
    };
    assert.equal(await payload(), 4096);
    const { pid } = server;
    await server.kill();
    await assert.rejects(payload(), /connection refused/);
    await server.restart();
    assert.notEqual(server.pid, pid);
    await Deno.writeTextFile(config, "max_payload: 8192\n");
    await server.reload();
    assert.equal(await payload(), 8192);
    await Deno.writeTextFile(config, "max_payload: {\n");
    await server.reload();
    assert.match(server.log, /Failed to reload/);
    await server.kill();
    await assert.rejects(server.restart(), /The server has ended/);
  },
);
