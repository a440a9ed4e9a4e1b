import protobuf from "protobufjs/minimal.js";
import { JobWorkerError } from "../errors.ts";
import { type DefinitionPath, lookUp } from "./contracts.ts";
import { checkEntries, type ManyField, MAX_ENTRIES } from "../job/max_entries.ts";

/** A list or map, by the name that it has in requests. */
interface Counted {
  readonly field: ManyField;
  /** A list of numbers, which may stand one after the other in one piece. */
  readonly isPacked: boolean;
}

/** The fields of a message, by their numbers: those that are counted, and the messages in which there may be some. */
type Fields = ReadonlyMap<number, Counted | { readonly inner: Fields }>;

/**
 * How often fields may be given that are neither list nor map, or not known here. Each may be given again, and
 * the last one counts, but each costs as much.
 */
const MAX_OTHER_FIELDS = 1_000;

/** What a request holds. */
interface Counts {
  readonly entries: Map<string, number>;
  others: number;
}

/** Wire types, https://protobuf.dev/programming-guides/encoding/#structure */
const LENGTH_DELIMITED = 2;
const GROUP = 3;

/**
 * Makes a function that counts the entries of each list and map in a message, and all other fields, without making
 * anything of them: decoded, an entry of five bytes takes a hundred times as much.
 *
 * @returns throws `invalid_argument`, naming the field; another error for bytes that are no message
 * @throws `TypeError` for a list or map without a limit in `MAX_ENTRIES`
 */
export function entryCounter(message: DefinitionPath): (bytes: Uint8Array) => void {
  const fields = fieldsOf(message, "");
  return function checkCounts(bytes) {
    const counts: Counts = { entries: new Map(), others: 0 };
    countIn(protobuf.Reader.create(bytes), bytes.length, fields, counts);
    for (const [field, count] of counts.entries) checkEntries(field as ManyField, count);
  };
}

function fieldsOf(message: DefinitionPath, prefix: string): Fields {
  const fields = Object.entries(message.at(-1)?.fields ?? {}).flatMap(
    (
      [ownName, { id, type, rule, keyType }],
    ): (readonly [number, Counted | { inner: Fields }])[] => {
      const name = prefix + ownName;
      const inner = lookUp(message, type);
      const isEnum = inner !== null && inner.at(-1)?.fields === undefined;
      if (rule === "repeated" || keyType !== undefined) {
        if (!isManyField(name)) throw new TypeError(`No limit on the entries of ${name}`);
        return [[id, { field: name, isPacked: rule === "repeated" && isEnum }]];
      }
      return inner === null || isEnum ? [] : [[id, { inner: fieldsOf(inner, `${name}.`) }]];
    },
  );
  return new Map(fields);
}

function isManyField(name: string): name is ManyField {
  return Object.hasOwn(MAX_ENTRIES, name);
}

function countIn(reader: protobuf.Reader, end: number, fields: Fields, counts: Counts): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    const wireType = tag & 7;
    // Messages of proto3 have none, and a decoder goes as deep into them as they go.
    if (wireType === GROUP) throw new RangeError("A message of proto3 has no groups");
    const known = fields.get(tag >>> 3);
    const from = reader.pos;
    reader.skipType(wireType);
    if (reader.pos > end) throw new RangeError("A field is longer than the message that it is in");
    if (known !== undefined && "field" in known) {
      const { field, isPacked } = known;
      const isPiece = isPacked && wireType === LENGTH_DELIMITED;
      const more = isPiece ? numbersIn(reader, from) : 1;
      counts.entries.set(field, (counts.entries.get(field) ?? 0) + more);
      continue;
    }
    if (++counts.others > MAX_OTHER_FIELDS) throw tooMany();
    if (known !== undefined && wireType === LENGTH_DELIMITED) {
      const innerEnd = reader.pos;
      reader.pos = from;
      // Its length, after which it begins.
      reader.uint32();
      countIn(reader, innerEnd, known.inner, counts);
    }
  }
}

/** How many numbers a piece holds, from its length on, up to where the reader is: the last byte of each is below 128. */
function numbersIn({ buf, pos }: protobuf.Reader, from: number): number {
  let count = -1;
  for (let at = from; at < pos; at++) if ((buf[at] ?? 0) < 128) count++;
  return count;
}

function tooMany(): JobWorkerError {
  return new JobWorkerError(
    "invalid_argument",
    `Cannot read the request: at most ${MAX_OTHER_FIELDS} fields are accepted, lists and maps aside`,
  );
}
