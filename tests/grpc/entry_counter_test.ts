import protobuf from "protobufjs";
import { CONTRACTS, type Definition, resolve } from "../../lib/grpc/contracts.ts";
import { entryCounter } from "../../lib/grpc/entry_counter.ts";
import { parseProtos } from "../../lib/grpc/gen/proto_texts.ts";
import { REQUEST_TYPES } from "./request_types.ts";
import { type ManyField, MAX_ENTRIES } from "../../lib/job/max_entries.ts";
import { assert } from "../assert.ts";

function typeOf(name: string): protobuf.Type {
  return REQUEST_TYPES.get(name) ?? assert.fail(`No request of ${name}`);
}

/** The counter of a request. */
function counterOf(name: string): ReturnType<typeof entryCounter> {
  return entryCounter(resolve([CONTRACTS], typeOf(name).fullName.slice(1)));
}

/** As many entries as a field is to have, and the request that has them. */
type Filled = (count: number) => Record<string, unknown>;

const list = (count: number) => Array<string>(count).fill("");
const map = (count: number) => Object.fromEntries(list(count).map((_, index) => [`${index}`, ""]));

const STARTS = ["StartJob", "RunJobs"];

const FILLED: Readonly<Record<ManyField, readonly (readonly [method: string, Filled])[]>> = {
  "command.args": STARTS.map((name) => [name, (count) => ({ command: { args: list(count) } })]),
  "command.env": STARTS.map((name) => [name, (count) => ({ command: { env: map(count) } })]),
  labels: STARTS.map((name) => [name, (count) => ({ labels: map(count) })]),
  "on.labels": ["StartJob", "ListHosts"].map((
    name,
  ) => [name, (count) => ({ on: { labels: map(count) } })]),
  "filter.labels": ["ListJobs", "WatchJobs"].map((
    name,
  ) => [name, (count) => ({ filter: { labels: map(count) } })]),
  "filter.statuses": ["ListJobs", "WatchJobs"].map((
    name,
  ) => [name, (count) => ({ filter: { statuses: Array(count).fill(300) } })]),
  streams: ["GetLogs", "StreamLogs"].map((
    name,
  ) => [name, (count) => ({ streams: Array(count).fill(1) })]),
  targets: [["RunJobs", (count) => ({ targets: list(count).map((host) => ({ host })) })]],
  jobIds: [["StopJobs", (count) => ({ jobIds: list(count) })]],
};

Deno.test("entryCounter() accepts as many entries as a field may have, and names one that has more", () => {
  for (const [field, requests] of Object.entries(FILLED)) {
    const max = MAX_ENTRIES[field as ManyField];
    for (const [name, filled] of requests) {
      const type = typeOf(name);
      const check = counterOf(name);
      check(type.encode(filled(max)).finish());
      assert.throws(() => check(type.encode(filled(max + 1)).finish()), {
        code: "invalid_argument",
        field,
        message: `Invalid ${field}: it has ${max + 1} entries, and at most ${max} are accepted`,
      });
    }
  }
});

Deno.test("every list and every map of every request has a limit", () => {
  for (const name of REQUEST_TYPES.keys()) counterOf(name)(new Uint8Array());
  const unbounded = parseProtos([`
    syntax = "proto3";
    package test.v1;
    message Inner { repeated string more = 1; }
    message Outer { Inner inner = 1; }
  `]).toJSON();
  const outer = resolve([unbounded as Definition], "test.v1.Outer");
  assert.throws(() => entryCounter(outer), /^TypeError: .*inner\.more/);
});

Deno.test("entryCounter() counts the entries of a list in all of its pieces", () => {
  const check = counterOf("ListJobs");
  const max = MAX_ENTRIES["filter.statuses"];
  const filter = (...bytes: number[]) => Uint8Array.from([0x0a, bytes.length, ...bytes]);
  /** A packed piece, and single ones. */
  const pieces = (count: number) =>
    filter(0x0a, 3, 1, 0x81, 1, ...Array(count - 2).fill([8, 1]).flat());
  check(pieces(max));
  assert.throws(() => check(pieces(max + 1)), { field: "filter.statuses" });
});

Deno.test("entryCounter() counts the fields that are given again, or not known, wherever they are", () => {
  const check = counterOf("StartJob");
  const requestId = [0x1a, 0];
  const command = [0x0a, 4, 0x0a, 0, 0x22, 0];
  const unknown = [0x78, 1];
  // The name and the directory of a command are two, and itself one.
  const many = [unknown, requestId, command].flatMap((field) => Array(200).fill(field).flat());
  const fields = (more: number) => Uint8Array.from([...many, ...Array(more).fill(unknown).flat()]);
  check(fields(0));
  assert.throws(() => check(fields(1)), {
    code: "invalid_argument",
    message: "Cannot read the request: at most 1000 fields are accepted, lists and maps aside",
  });
});

Deno.test("entryCounter() refuses what is no message of proto3, and passes over what it does not know", () => {
  const check = counterOf("StartJob");
  const wrong: [string, number[]][] = [
    ["a length beyond the end", [0x0a, 5, 0]],
    ["a field that is longer than its message", [0x0a, 2, 0x12, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ["a group", [0x0b, 0x0c]],
    ["the end of a group", [0x0c]],
    ["groups in groups", Array(100_000).fill(0xfb).flatMap((byte) => [byte, 1])],
    ["a number without an end", Array(11).fill(0xff)],
  ];
  for (const [what, bytes] of wrong) {
    assert.throws(() => check(Uint8Array.from(bytes)), (error) => {
      assert.ok(
        error instanceof RangeError || /^invalid/.test(String((error as Error).message)),
        what,
      );
      return true;
    });
  }
  check(Uint8Array.from([0xf8, 1, 7, 0xfa, 1, 2, 0, 0, 0xfd, 1, 0, 0, 0, 0]));
});
