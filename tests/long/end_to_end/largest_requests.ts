/**
 * Requests that are as large and as odd as their limits allow, and a little more.
 *
 * @module
 */

import protobuf from "protobufjs";
import { wireName } from "../../../lib/grpc/codecs.ts";
import { REQUEST_TYPES } from "../../grpc/request_types.ts";
import { type ManyField, MAX_ENTRIES } from "../../../lib/job/max_entries.ts";
import { type JobMethod, METHODS } from "../../../lib/service/methods.ts";
import { assert } from "../../assert.ts";
import { fc } from "../../random.ts";

type Message = Readonly<Record<string, unknown>>;

const SIZES = [0, 1, 40, 255, 256, 4_095, 4_096, 131_071, 131_072, 4_194_304];
const COUNTS = [0, 1, 3, 64, 65, 512, 513, 4_096, 4_097, 131_072, 131_073, 400_000];
const NUMBERS = [
  0,
  1,
  -1,
  31,
  65,
  1_000,
  1_001,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 53 - 1,
  2 ** 53,
  1.5,
  NaN,
];
const CHARACTERS = ["a", "\0", "\n", ":", "=", "/", "\\", '"', "😀", "\u202e", "\ud800", "\x7f"];

/** The largest argument or variable of execve(2). */
const MAX_PIECE = 131_072;

/** The most arguments and variables, in number and in bytes: each of these is a job that runs. */
const MAX_STARTS: readonly Message[] = [
  { args: Array<string>(131_072).fill("6bytes") },
  { args: Array<string>(15).fill("a".repeat(MAX_PIECE - 1)) },
  { env: named(4_096, "v".repeat(480)) },
  {
    env: {
      ...named(14, "v".repeat(MAX_PIECE - 16)),
      PATH: `${`/${"p".repeat(250)}:`.repeat(511)}/bin`,
    },
  },
].map((command) => ({
  command: { name: "true", ...command },
  labels: named(64, "😀".repeat(256)),
}));

/** So many entries of a map. */
function named(count: number, value: string): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, value]));
}

/** Texts of a length that counts somewhere, in bytes or beyond them; the jobs that there are; a program. */
function texts(jobIds: readonly string[], most: number): fc.Arbitrary<string> {
  const long = fc.tuple(fc.constantFrom(...CHARACTERS), fc.constantFrom(...SIZES))
    .map(([character, size]) => character.repeat(Math.min(size, most) / character.length));
  const known = fc.constantFrom("", "true", "/bin/true", "/tmp", "SIGCONT", "operator", ...jobIds);
  return fc.oneof({ arbitrary: long, weight: 2 }, { arbitrary: known, weight: 3 });
}

/** Requests of a method as messages of its type. Together, what they hold is as much as it takes, or a little more. */
export function messagesOf(
  method: JobMethod,
  jobIds: readonly string[],
): fc.Arbitrary<Uint8Array> {
  const type = REQUEST_TYPES.get(wireName(method)) ?? assert.fail(method);
  const { maxRequestBytes } = METHODS[method];
  const whole = messages(type, "", { jobIds, maxBytes: maxRequestBytes });
  // Now and then something that is no message, or one field again and again.
  const noise = fc.tuple(
    fc.uint8Array({ minLength: 2, maxLength: 6 }),
    fc.constantFrom(1, 100, maxRequestBytes),
  )
    .map(([bytes, size]) => {
      const noise = new Uint8Array(Math.max(size, bytes.length));
      for (let at = 0; at < noise.length; at++) noise[at] = bytes[at % bytes.length] ?? 0;
      return noise;
    });
  const largest = method === "startJob" ? fc.constantFrom(...MAX_STARTS) : whole;
  return fc.oneof(
    { arbitrary: whole.map((message) => type.encode(message).finish()), weight: 7 },
    { arbitrary: largest.map((message) => type.encode(message).finish()), weight: 2 },
    { arbitrary: noise, weight: 1 },
  );
}

interface Bounds {
  readonly jobIds: readonly string[];
  readonly maxBytes: number;
}

function messages(type: protobuf.Type, prefix: string, bounds: Bounds): fc.Arbitrary<Message> {
  const fields = type.fieldsArray.map((field): [string, fc.Arbitrary<unknown>] => {
    const name = prefix + field.name;
    const value = values(field, name, bounds);
    if (field.map || field.repeated) return [field.name, many(field, name, bounds)];
    return [field.name, fc.option(value, { nil: undefined, freq: 4 })];
  });
  return fc.record(Object.fromEntries(fields)).map((message) =>
    Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined))
  );
}

function values(field: protobuf.Field, name: string, bounds: Bounds): fc.Arbitrary<unknown> {
  if (field.resolvedType instanceof protobuf.Type) {
    return messages(field.resolvedType, `${name}.`, bounds);
  }
  if (field.resolvedType instanceof protobuf.Enum) return fc.constantFrom(0, 1, 2, 3, 9, 127, 300);
  switch (field.type) {
    case "string":
      return texts(bounds.jobIds, bounds.maxBytes);
    case "bytes":
      return fc.constantFrom(0, 1, 2 ** 20, 2 ** 20 + 1).map((size) => new Uint8Array(size));
    case "bool":
      return fc.boolean();
    default:
      return fc.constantFrom(...NUMBERS);
  }
}

/** A list or map that has as many entries as it may, or one more, or so many that nobody may, and is as long as fits. */
function many(
  field: protobuf.Field,
  name: string,
  { jobIds, maxBytes }: Bounds,
): fc.Arbitrary<unknown> {
  const max = MAX_ENTRIES[name as ManyField];
  const counts = fc.oneof(fc.constantFrom(max, max + 1, 0, 1), fc.constantFrom(...COUNTS));
  if (field.resolvedType !== null && !(field instanceof protobuf.MapField)) {
    return counts.map((count) => Array(Math.min(count, maxBytes)).fill(1));
  }
  // Most are to fit: only then does what comes after the wire have to do with them.
  const part = fc.constantFrom(0, 0.1, 0.45, 0.45, 1.2);
  return fc.tuple(counts, part, texts(jobIds, 64)).map(([count, part, text]) => {
    const share = Math.min(MAX_PIECE - 8, Math.floor((part * maxBytes) / Math.max(count, 1)) - 12);
    const value = share > 0 ? "v".repeat(share) : "";
    if (!(field instanceof protobuf.MapField)) {
      return Array.from({ length: count }, (_, index) => index === 0 ? text : value);
    }
    const entries = Array.from({ length: count }, (_, index) => [`n${index.toString(36)}`, value]);
    return Object.fromEntries(
      [...entries, [text.includes(":") ? "PATH" : "n0", text]].slice(0, count),
    );
  });
}

/** Bodies of a REST operation that are JSON of some kind, of up to a megabyte and a little more. */
export function bodiesOf(jobIds: readonly string[]): fc.Arbitrary<string> {
  const budget = 1024 * 1024;
  const name = texts(jobIds, budget / 4);
  const lists = fc.tuple(
    fc.constantFrom("1", '""', '"abcd"', "null", "[]", "{}", '"\\u0000"'),
    fc.constantFrom(...COUNTS),
  )
    .map(([entry, count]) => {
      const most = Math.floor((budget * 1.01) / (entry.length + 1));
      return `[${Array(Math.min(count, most)).fill(entry).join()}]`;
    });
  const maps = fc.tuple(name, fc.constantFrom(...COUNTS)).map(([text, count]) => {
    const entries = Array.from({ length: Math.min(count, 90_000) }, (_, index) => `"n${index}":""`);
    return `{${[`"PATH":${JSON.stringify(text)}`, ...entries].join()}}`;
  });
  const any = fc.oneof(name.map((text) => JSON.stringify(text)), lists, maps);
  return fc.oneof(
    fc.tuple(any, lists).map(([command, args]) => `{"command":${command},"args":${args}}`),
    fc.tuple(name, lists, maps, maps).map(([text, args, env, labels]) =>
      `{"command":{"name":${JSON.stringify(text)},"args":${args},"env":${env}},"labels":${labels}}`
    ),
    fc.tuple(any).map(([jobId]) => `{"jobId":${jobId}}`),
    fc.tuple(any, any).map(([signal, grace]) =>
      `{"stopSignal":${signal},"gracePeriodMs":${grace}}`
    ),
    fc.constantFrom("[", "{", '{"a":', ":", ",", '"', "\\", "1").map((piece) =>
      piece.repeat(budget / piece.length)
    ),
  );
}
