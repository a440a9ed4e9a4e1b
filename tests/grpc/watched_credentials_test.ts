import { EventEmitter } from "node:events";
import { assert } from "../assert.ts";
import { ChannelCredentials } from "../../lib/grpc/grpc.ts";
import { type TlsWatch, WatchedCredentials } from "../../lib/grpc/watched_credentials.ts";

/** The socket of a connection that grpc-js has made, without a network. */
class Socket extends EventEmitter {
  bytesRead = 0;
}

type Connector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/** What is told of a connection that begins so. */
async function told(
  begin: (socket: Socket) => void,
  connected: (socket: Socket) => Promise<unknown> = (socket) => Promise.resolve({ socket }),
): Promise<string[]> {
  const words: string[] = [];
  const socket = new Socket();
  const watch: TlsWatch = {
    allow: () => words.push("asked"),
    failed: (error) => words.push(`failed: ${error.message}`),
    unanswered: () => words.push("unanswered"),
  };
  const inner = ChannelCredentials.createInsecure();
  const connector = inner._createSecureConnector({ path: "host:1" }, {});
  const connect = (() => connected(socket)) as unknown as Connector["connect"];
  inner._createSecureConnector = () => ({ ...connector, connect });
  const watched = new WatchedCredentials(inner, watch);
  const made = watched._createSecureConnector({ path: "host:1" }, {});
  await made.connect(socket as never).then(() => begin(socket), () => {});
  return [...new Set(words)];
}

function errorOf(code: string): Error {
  return Object.assign(new Error(code), { code });
}

Deno.test("WatchedCredentials tells that a connection is closed before a byte has come, however that looks", async () => {
  const unanswered = ["asked", "unanswered"];
  assert.deepEqual(await told((socket) => socket.emit("end")), unanswered);
  assert.deepEqual(await told((socket) => socket.emit("close")), unanswered);
  for (const code of ["ECONNRESET", "EPIPE"]) {
    assert.deepEqual(await told((socket) => socket.emit("error", errorOf(code))), unanswered);
  }
});

Deno.test("WatchedCredentials tells why a handshake fails, and what is said right behind it", async () => {
  const failed = ["asked", "failed: ALERT"];
  assert.deepEqual(await told((socket) => socket.emit("error", errorOf("ALERT"))), failed);
  const refuse = () => Promise.reject(errorOf("ALERT"));
  assert.deepEqual(await told(() => {}, refuse), failed);
});

Deno.test("WatchedCredentials has nothing to tell of a connection over which something came", async () => {
  const begin = (socket: Socket) => {
    socket.bytesRead = 1;
    for (const code of ["ALERT", "EPIPE"]) socket.emit("error", errorOf(code));
    socket.emit("end");
    socket.emit("close");
  };
  assert.deepEqual(await told(begin), ["asked"]);
});
