import { hostPortHint } from "../../lib/net/host_port.ts";
import { assert } from "../assert.ts";
import { endpointOf } from "../../lib/grpc/endpoint.ts";

const MATERIAL = { ca: "", cert: "", key: "" };

Deno.test("endpointOf() reads names and IP addresses", () => {
  const read = (address: string) => {
    const { host, port, tls } = endpointOf(address, MATERIAL);
    return [host, port, tls.servername];
  };
  assert.deepEqual(read("localhost:8080"), ["localhost", 8080, "localhost"]);
  assert.deepEqual(read("worker-1.example.com:443"), [
    "worker-1.example.com",
    443,
    "worker-1.example.com",
  ]);
  assert.deepEqual(read("0.0.0.0:1"), ["0.0.0.0", 1, "localhost"]);
  assert.deepEqual(read("[::1]:65535"), ["::1", 65535, "localhost"]);
});

Deno.test("endpointOf() refuses what is not an address", () => {
  const wrong = [
    "",
    "localhost",
    "localhost:",
    ":8080",
    "localhost:0",
    "localhost:65536",
    "localhost:http",
    "::1:8080",
    "[localhost]:8080",
    "[127.0.0.1]:8080",
    "[::1]",
    "https://localhost:8080",
    "localhost:8080/",
    "local host:8080",
  ];
  for (const address of wrong) {
    assert.throws(() => endpointOf(address, MATERIAL), {
      code: "invalid_argument",
      message:
        `Invalid address "${address}": expected HOST:PORT, as in localhost:8080 or [::1]:8080` +
        hostPortHint(address),
    });
  }
});
