/**
 * Writes what is needed of the wire contracts at run time, and the TypeScript types of their messages:
 * `deno task proto`.
 *
 * @module
 */

import protobuf from "protobufjs";
import { parseProtos, PROTOS, SERVED } from "./proto_texts.ts";
import { describe } from "./describe.ts";

// What is generated is committed without formatting, so that a test can compare it.
const HEADER = `// deno-fmt-ignore-file
// Generated from the wire contract by \`deno task proto\`. Do not edit.
`;

const SCALARS: Readonly<Record<string, string>> = {
  bool: "boolean",
  string: "string",
  bytes: "Uint8Array<ArrayBuffer>",
};

/** The types of one contract, as source text. `protocol.ts` decodes messages into this form. */
export function generateTypes(proto: string): string {
  const { package: packageName } = protobuf.parse(proto, new protobuf.Root());
  const contract = packageName === undefined ? null : parseProtos([proto]).lookup(packageName);
  if (!(contract instanceof protobuf.Namespace)) {
    throw new TypeError("Cannot generate types: the contract has no package");
  }
  const source = [HEADER];
  const imported = new Set<protobuf.Type>();
  const visit = (object: protobuf.ReflectionObject) => {
    if (object instanceof protobuf.Enum) source.push(enumSource(object));
    if (object instanceof protobuf.Service) source.push(serviceSource(object));
    if (object instanceof protobuf.Type) {
      source.push(messageSource(object));
      object.nestedArray.forEach(visit);
      for (const { resolvedType: type } of object.fieldsArray) {
        if (type?.fullName.startsWith(".google.") && type instanceof protobuf.Type) {
          imported.add(type);
        }
      }
    }
  };
  contract.nestedArray.forEach(visit);
  return [...source, ...[...imported].map(messageSource)].join("\n");
}

/** `.a.b.Outer.Inner` is `Outer_Inner`; packages are files here, so their names are left out. */
function nameOf(object: protobuf.ReflectionObject): string {
  const { parent, name } = object;
  return parent instanceof protobuf.Type ? `${nameOf(parent)}_${name}` : name;
}

function enumSource(type: protobuf.Enum): string {
  const names = Object.keys(type.values).map((name) => `  | ${JSON.stringify(name)}`);
  return `/** A number if it is one that this contract does not know. */
export type ${nameOf(type)} =
${names.join("\n")}
  | number;
`;
}

function messageSource(type: protobuf.Type): string {
  const plain = type.fieldsArray.filter((field) => field.partOf === null);
  const members = plain.map((field) => `  readonly ${field.name}: ${fieldSource(field)};\n`);
  const body = `{\n${members.join("")}}`;
  if (type.oneofsArray.length === 0) return `export interface ${nameOf(type)} ${body}\n`;
  const parts = type.oneofsArray.map(oneofSource);
  if (plain.length > 0) parts.unshift(body);
  return `export type ${nameOf(type)} = ${parts.join(" & ")};\n`;
}

/** At most one member is present, and a property with the name of the oneof says which. */
function oneofSource({ name, fieldsArray }: protobuf.OneOf): string {
  const cases = fieldsArray.map((field) =>
    `  | { readonly ${name}: "${field.name}"; readonly ${field.name}: ${valueSource(field)} }\n`
  );
  return `(\n  | { readonly ${name}?: never }\n${cases.join("")})`;
}

function fieldSource(field: protobuf.Field): string {
  const value = valueSource(field);
  if (field instanceof protobuf.MapField) return `Readonly<Record<string, ${value}>>`;
  if (field.repeated) return `readonly ${value}[]`;
  return field.resolvedType instanceof protobuf.Type ? `${value} | null` : value;
}

function valueSource(field: protobuf.Field): string {
  if (field.resolvedType !== null) return nameOf(field.resolvedType);
  return SCALARS[field.type] ?? "number";
}

function serviceSource(service: protobuf.Service): string {
  const methods = service.methodsArray.map((method) => {
    const { resolvedRequestType: request, resolvedResponseType: response } = method;
    if (request === null || response === null) throw new TypeError(`${method.name} has no types`);
    return `  readonly ${method.name}: {
    readonly request: ${nameOf(request)};
    readonly response: ${nameOf(response)};
  };
`;
  });
  return `export interface ${nameOf(service)}Methods {\n${methods.join("")}}\n`;
}

/** The text of each file that is generated, by its name. */
export function generate(): Readonly<Record<string, string>> {
  const types = Object.entries(PROTOS).map(([name, proto]) => [`${name}.ts`, generateTypes(proto)]);
  return {
    ...Object.fromEntries(types),
    "contracts.json": json(parseProtos(SERVED)),
    "description.json": json(describe(SERVED)),
  };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

if (import.meta.main) {
  for (const [name, text] of Object.entries(generate())) {
    await Deno.writeTextFile(new URL(name, import.meta.url), text);
  }
}
