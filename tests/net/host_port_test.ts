import * as net from "node:net";
import {
  formatHostPort,
  hostPortHint,
  isIPv6,
  networkOf,
  parseHostPort,
  sourceOf,
} from "../../lib/net/host_port.ts";
import { assert } from "../assert.ts";
import { fc } from "../random.ts";

Deno.test("parseHostPort() reads what formatHostPort() writes", () => {
  for (
    const [hostname, port] of [
      ["localhost", 8080],
      ["127.0.0.1", 0],
      ["::1", 65_535],
      ["a-b.example", 1],
      ["bücher.example", 1],
      ["my_host", 1],
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
        "[::1%lo]:80",
        "[fe80::1%25eth0]:80",
        "fe80::1%eth0",
        "*:80",
        "a/b:80",
        "a b:80",
        "a\n:80",
        "a?:80",
        "a%20:80",
      ],
    ]
  ) {
    assert.equal(parseHostPort(text), null, text);
  }
});

Deno.test("hostPortHint() says what to write instead, where that can be guessed", () => {
  const hints: Readonly<Record<string, RegExp>> = {
    "[::1%lo]:80": /a zone, such as %lo, cannot be used/,
    "[fe80::1%eth0]:80": /a zone/,
    "https://h:80": /without a scheme/,
    "::1": /in brackets/,
    "::1:8080": /in brackets/,
    "[::1]": /in brackets, followed by its port/,
    "*:80": /0\.0\.0\.0 or \[::\]/,
    "localhost": /^$/,
    "localhost:65536": /^$/,
  };
  for (const [text, words] of Object.entries(hints)) assert.match(hostPortHint(text), words, text);
});

Deno.test("formatHostPort() writes an IPv4 address that came by an IPv6 socket as IPv4", () => {
  assert.equal(formatHostPort("::ffff:10.0.0.1", 80), "10.0.0.1:80");
});

Deno.test("sourceOf() tells IPv6 networks apart, however they are written, and IPv4 addresses", () => {
  const sources: Readonly<Record<string, readonly string[]>> = {
    "2001:db8:0:7::/64": ["2001:db8:0:7::1", "2001:db8::7:ffff:0:0:9", "2001:db8:0:7:0:0:0:0"],
    "2001:db8:0:8::/64": ["2001:db8:0:8::1"],
    "fe80:0:0:0::/64": ["fe80::1%eth0", "fe80::"],
    "0:0:0:0::/64": ["::1"],
    "192.0.2.1": ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:192.0.2.1"],
  };
  for (const [source, addresses] of Object.entries(sources)) {
    for (const address of addresses) assert.equal(sourceOf(address), source, address);
  }
});

Deno.test("networkOf() puts together what one site may have", () => {
  const networks: Readonly<Record<string, readonly string[]>> = {
    "2001:db8:7::/48": ["2001:db8:7::1", "2001:db8:7:ffff::1", "2001:db8:7:1:2:3:4:5"],
    "2001:db8:8::/48": ["2001:db8:8::"],
    "fe80:0:0::/48": ["fe80::1%eth0"],
    "192.0.2.0/24": ["192.0.2.1", "192.0.2.254", "::ffff:192.0.2.1"],
    "192.0.3.0/24": ["192.0.3.1"],
  };
  for (const [network, addresses] of Object.entries(networks)) {
    for (const address of addresses) assert.equal(networkOf(address), network, address);
  }
});

Deno.test("formatHostPort() writes addresses so that they can be pasted", () => {
  assert.equal(formatHostPort("127.0.0.1", 80), "127.0.0.1:80");
  assert.equal(formatHostPort("::ffff:10.0.0.1", 80), "10.0.0.1:80");
  assert.equal(formatHostPort("fe80::1", 80), "[fe80::1]:80");
  assert.equal(formatHostPort("worker.example", 80), "worker.example:80");
});

Deno.test("isIPv6() takes what that of node:net takes", () => {
  const piece = fc.oneof(
    ...[fc.ipV6(), fc.ipV4(), fc.stringMatching(/^[0-9a-f]{1,5}$/)],
    fc.constantFrom(...[
      "::",
      ":",
      "%",
      "%lo",
      "%eth0.1",
      "%e_h",
      "]",
      "[",
      "g",
      "/",
      "@",
      " ",
      "::ffff:",
    ]),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 9 }), fc.constantFrom("", ":"), (pieces, between) => {
      const text = pieces.join(between);
      assert.equal(isIPv6(text), net.isIPv6(text), text);
    }),
    { numRuns: 2_000 },
  );
});
