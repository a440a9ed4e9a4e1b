import http2 from "node:http2";
import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";
import "../../lib/grpc/grpc.ts";
import { surviveConnections } from "./short_connections.ts";

Deno.test("a server survives 100 short TLS connections one after the other", () =>
  surviveConnections(100));

Deno.test("the guard closes sessions a tick later, and tells every callback", async () => {
  const server = http2.createServer();
  await new Promise<void>((resolve) => void server.listen(0, resolve));
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const session = http2.connect(`http://localhost:${address.port}`);
  await new Promise((resolve) => session.once("remoteSettings", resolve));

  const closed = [1, 2].map(() => new Promise<void>((resolve) => session.close(resolve)));
  assert.equal(session.closed, false);
  await Promise.all(closed);
  assert.equal(session.closed, true);
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("a client whose daemon goes away as it connects is told in time, and does not loop for ever", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-all", `${ROOT}tests/grpc/early_goaway.ts`],
    signal: AbortSignal.timeout(60_000),
  }).output();
  const [text = "", errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.ok(success, `It did not end by itself: ${errors}`);
  const { outcome, connections } = JSON.parse(text);
  assert.ok(["unavailable", "deadline_exceeded"].includes(outcome), text);
  assert.ok(connections >= 1 && connections < 1_000, text);
});
