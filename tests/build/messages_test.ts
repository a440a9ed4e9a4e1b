import protobuf from "protobufjs/light.js";
import { messagesSource, typesIn } from "../../build/messages.ts";
import contracts from "../../lib/grpc/gen/contracts.json" with { type: "json" };
import type * as messages from "../../lib/grpc/messages.ts";
import { SHAPE } from "../../lib/grpc/protocol.ts";
import { assert } from "../assert.ts";

/** Something for each kind of field, and something else than its default. */
const SCALARS: Readonly<Record<string, unknown>> = {
  string: "ä\0",
  bytes: Uint8Array.of(0, 255),
  bool: true,
  double: -0.5,
};

/** A message with this member of each oneof, and all of its other fields. */
function sampleOf(type: protobuf.Type, member: number): Record<string, unknown> {
  const fields = type.fieldsArray.filter((field) => {
    const others = field.partOf?.fieldsArray ?? [field];
    return others[member % others.length] === field;
  });
  return Object.fromEntries(fields.map((field) => {
    const { resolvedType } = field.resolve();
    const value = resolvedType instanceof protobuf.Type
      ? sampleOf(resolvedType, member)
      : resolvedType instanceof protobuf.Enum
      ? Math.max(...Object.values(resolvedType.values))
      : SCALARS[field.type] ?? 2 ** 31 - 1;
    return [field.name, field.map ? { a: value } : field.repeated ? [value, value] : value];
  }));
}

function faultOf(act: () => unknown): string {
  try {
    act();
    return "";
  } catch (error) {
    return String(error);
  }
}

Deno.test("The messages that a bundle has ready-made are those that protobufjs makes", async () => {
  const directory = await Deno.makeTempDir({ prefix: "messages-" });
  try {
    const path = `${directory}/messages.js`;
    await Deno.writeTextFile(path, messagesSource());
    const { messageType }: typeof messages = await import(`file://${path}`);
    const types = typesIn(protobuf.Root.fromJSON(contracts as protobuf.INamespace).resolveAll());
    assert.ok(types.length > 50);
    for (const type of types) {
      const made = messageType(type.fullName.slice(1));
      const members = Math.max(1, ...type.oneofsArray.map(({ oneof }) => oneof.length));
      const samples = Array.from({ length: members }, (_, member) => sampleOf(type, member));
      for (const sample of [{}, ...samples]) {
        const bytes = type.encode(type.fromObject(sample)).finish();
        assert.deepEqual(made.encode(made.fromObject(sample)).finish(), bytes, type.fullName);
        const read = type.toObject(type.decode(bytes), SHAPE);
        assert.deepEqual(made.toObject(made.decode(bytes), SHAPE), read, type.fullName);
        // All fields twice, and one that nobody knows.
        const odd = Uint8Array.of(...bytes, ...bytes, 0xf8, 1, 7);
        const oddly = type.toObject(type.decode(odd), SHAPE);
        assert.deepEqual(made.toObject(made.decode(odd), SHAPE), oddly, type.fullName);
      }
      for (const wrong of [[0x0a, 5], [0x08], [0x0c]]) {
        const bytes = Uint8Array.from(wrong);
        assert.equal(faultOf(() => made.decode(bytes)), faultOf(() => type.decode(bytes)));
      }
      assert.throws(() => made.fromObject("" as never), /object expected/);
    }
    assert.throws(() => messageType("jobworker.v1.Nothing"), /no such/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
