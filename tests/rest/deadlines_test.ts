import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { REST_DEADLINES } from "../../lib/rest/server.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import { JOB_ID, TestRest } from "./fixture.ts";
import { certificates, HEAD, open, silentLog } from "./server_fixture.ts";

/** Clients that do not come to the point, by the deadline that ends them, with what they are told. */
const SLOW_CLIENTS: Record<string, (rest: TestRest) => Promise<string>> = {
  async handshakeMs(rest) {
    const mute = connectTcp(rest.port, "127.0.0.1");
    mute.on("error", () => {});
    await once(mute.resume(), "close");
    return "";
  },
  async headersMs(rest) {
    await using idle = await open(rest);
    await idle.closed;
    await using slowHead = await open(rest);
    const trickle = setInterval(() => slowHead.socket.write("A"), 10);
    slowHead.socket.write("GET /health/ HTTP/1.1\r\nX-Slow: ");
    await slowHead.closed.finally(() => clearInterval(trickle));
    return slowHead.text.slice(0, 13);
  },
  async requestMs(rest) {
    await using slowBody = await open(rest);
    slowBody.socket.write(
      `POST /start/ HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\nContent-Length: 9999\r\n\r\n`,
    );
    // Not while the answer comes: what a closed connection receives takes the answer away again.
    const drip = setInterval(() => slowBody.socket.write(" "), 400);
    await slowBody.closed.finally(() => clearInterval(drip));
    return slowBody.text.slice(0, 13);
  },
  async idleMs(rest) {
    await using keptAlive = await open(rest);
    keptAlive.socket.write("GET /health/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await keptAlive.seen(/"ok"/);
    await keptAlive.closed;
    return keptAlive.text.slice(0, 13);
  },
};

const TOLD = {
  handshakeMs: "",
  headersMs: "HTTP/1.1 408 ",
  requestMs: "HTTP/1.1 408 ",
  idleMs: "HTTP/1.1 200 ",
};

for (const [deadline, client] of Object.entries(SLOW_CLIENTS)) {
  Deno.test(`${deadline} alone cuts a client off that does not come to the point`, async () => {
    const others = {
      handshakeMs: 3_600_000,
      headersMs: 3_600_000,
      requestMs: 3_600_000,
      closeMs: 0,
    };
    await using rest = await TestRest.listen(certificates, {}, {
      deadlines: {
        ...others,
        idleMs: 3_600_000,
        // The head is a part of the request.
        ...(deadline === "requestMs" && { headersMs: 1_000 }),
        // Long enough for a busy machine to get as far as reading the head.
        [deadline]: 1_000,
      },
    });
    const told = await soon(client(rest), () => `${deadline} to be over`);
    assert.equal(told, TOLD[deadline as keyof typeof TOLD]);
  });
}

Deno.test("A client has seconds for each step, unless something else is said", () => {
  assert.deepEqual(REST_DEADLINES, {
    handshakeMs: 10_000,
    headersMs: 10_000,
    requestMs: 30_000,
    idleMs: 15_000,
    closeMs: 3_000,
  });
});

Deno.test("A long answer is not cut off by the deadlines of requests", async () => {
  const { streamLogs } = silentLog();
  await using rest = await TestRest.listen(certificates, { streamLogs }, {
    deadlines: { headersMs: 40, requestMs: 60, idleMs: 40 },
    heartbeatMs: 10,
  });
  await using connection = await open(rest);
  connection.socket.write(`GET /v1/jobs/${JOB_ID}/logs?follow=1 HTTP/1.1\r\n${HEAD}\r\n`);
  // The heart beats at most a hundred times in a second.
  await connection.seen(/(:\n\n[^:]*){30}/);
});
