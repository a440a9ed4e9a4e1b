import { formatHostPort, parseHostPort } from "../lib/host_port.ts";
import { assert } from "./assert.ts";

Deno.test("parseHostPort() reads what formatHostPort() writes", () => {
  for (
    const [hostname, port] of [
      ["localhost", 8080],
      ["127.0.0.1", 0],
      ["::1", 65_535],
      ["a-b.example", 1],
    ] as const
  ) {
    assert.deepEqual(parseHostPort(formatHostPort(hostname, port)), { hostname, port });
  }
});

Deno.test("parseHostPort() refuses everything else", () => {
  for (
    const text of [
      ...["", ":8080", "localhost", "localhost:", "localhost:65536", "localhost:-1", "h:8080 "],
      ...[
        "::1:8080",
        "[::1]",
        "[]:80",
        "[localhost]:80",
        "[127.0.0.1]:80",
        "http://h:80",
        "u@h:80",
      ],
    ]
  ) {
    assert.equal(parseHostPort(text), null, text);
  }
});

Deno.test("formatHostPort() writes an IPv4 address that came by an IPv6 socket as IPv4", () => {
  assert.equal(formatHostPort("::ffff:10.0.0.1", 80), "10.0.0.1:80");
});
