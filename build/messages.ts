/**
 * The messages of the contracts as source text: the functions that protobufjs otherwise makes of them at each start,
 * when they are first used.
 *
 * @module
 */

import protobuf from "protobufjs/light.js";
import contracts from "../lib/grpc/gen/contracts.json" with { type: "json" };

/** The text of a module that stands in for `lib/grpc/messages.ts`. */
export function messagesSource(): string {
  // protobufjs takes what has no comments, whatever its types say.
  const root = protobuf.Root.fromJSON(contracts as protobuf.INamespace);
  const types = typesIn(root);
  return `
import protobuf from "protobufjs/minimal.js";
const { Reader, Writer, util } = protobuf;
const TYPES = {};
${types.map(typeSource).join("")}
${types.map(referencesSource).join("")}
export function messageType(name) {
  const type = TYPES["." + name];
  if (type === undefined) throw new TypeError("no such type: " + name);
  return type;
}
`;
}

/** All messages in a namespace. */
export function typesIn(namespace: protobuf.NamespaceBase): protobuf.Type[] {
  return namespace.nestedArray.flatMap((object) => [
    ...object instanceof protobuf.Type ? [object] : [],
    ...object instanceof protobuf.Namespace ? typesIn(object) : [],
  ]);
}

/** The functions of a message; they know the messages and enums inside it by the numbers of its fields. */
function typeSource(type: protobuf.Type): string {
  return `TYPES[${JSON.stringify(type.fullName)}] = (() => {
const types = [];
${constructorSource(type)}
return { types, ctor: ${type.name},
encode: ${protobuf.encoder(type)},
decode: ${protobuf.decoder(type)},
fromObject: ${protobuf.converter.fromObject(type)},
toObject: ${protobuf.converter.toObject(type)} };
})();
`;
}

/** An empty message has its lists and maps, and nothing else. */
function constructorSource({ name, fieldsArray }: protobuf.Type): string {
  const empty = fieldsArray.flatMap((field) =>
    field.repeated ? [`this.${field.name} = [];`] : field.map ? [`this.${field.name} = {};`] : []
  );
  return `function ${name}() { ${empty.join(" ")} }`;
}

function referencesSource({ fullName, fieldsArray }: protobuf.Type): string {
  const references = fieldsArray.map((field) => {
    const { resolvedType } = field.resolve();
    if (resolvedType instanceof protobuf.Type) {
      return `TYPES[${JSON.stringify(resolvedType.fullName)}]`;
    }
    if (resolvedType === null) return "null";
    // Both ways, as protobufjs has it by the prototype of `values`.
    return JSON.stringify({ values: { ...resolvedType.valuesById, ...resolvedType.values } });
  });
  return `TYPES[${JSON.stringify(fullName)}].types.push(${references.join(", ")});\n`;
}
