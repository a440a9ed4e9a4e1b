/**
 * What server reflection tells: the contracts, described as `protoc` would do it.
 *
 * @module
 */

import { fromJSON, type PackageDefinition } from "@grpc/proto-loader";
import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor/index.js";
import { parseProtos } from "./proto_texts.ts";

/** What a server offers. */
export interface Description {
  /** The full names of the services. */
  readonly services: readonly string[];
  readonly files: readonly DescribedFile[];
}

/** A file with definitions. */
export interface DescribedFile {
  readonly name: string;
  /** The `FileDescriptorProto`, in base64. */
  readonly descriptor: string;
  /** The full names of all that it defines. */
  readonly symbols: readonly string[];
}

/** The name that protobufjs gives the file of imported messages. */
const IMPORTED_FILE = "google_protobuf.proto";

/** Describes contracts, which may import `google.protobuf.Timestamp` and `Duration`. */
export function describe(protos: Iterable<string>): Description {
  const root = parseProtos(protos, { keepCase: true });
  const services: string[] = [];
  const files = fileDescriptors(fromJSON(root.toJSON())).map((file): DescribedFile => {
    const name = file.name ?? "";
    // protobufjs does not say what a file imports, and clients reject names from files that are not imported.
    if (name !== IMPORTED_FILE) file.dependency = [IMPORTED_FILE];
    file.messageType?.forEach(complete);
    const symbols: string[] = [];
    const visit = (object: protobuf.ReflectionObject) => {
      symbols.push(object.fullName.slice(1));
      if (object instanceof protobuf.Service) {
        services.push(object.fullName.slice(1));
        object.methodsArray.forEach(visit);
      }
      if (object instanceof protobuf.Type) {
        object.fieldsArray.forEach(visit);
        object.nestedArray.forEach(visit);
      }
    };
    const namespace = root.lookup(file.package ?? "");
    if (namespace instanceof protobuf.Namespace) namespace.nestedArray.forEach(visit);
    const bytes = descriptor.FileDescriptorProto.encode(file).finish();
    return { name, descriptor: new Uint8Array(bytes).toBase64(), symbols };
  });
  return { services, files };
}

/** The files of a definition; each of its messages has all of them. */
function fileDescriptors(definition: PackageDefinition): descriptor.IFileDescriptorProto[] {
  for (const { fileDescriptorProtos } of Object.values(definition)) {
    if (!Array.isArray(fileDescriptorProtos)) continue;
    return fileDescriptorProtos.map((bytes) =>
      descriptor.FileDescriptorProto.toObject(descriptor.FileDescriptorProto.decode(bytes))
    );
  }
  throw new TypeError("The contracts define no message");
}

/** Adds what clients rely on: `protoc` writes it, protobufjs does not. */
function complete({ field = [], nestedType = [] }: descriptor.IDescriptorProto): void {
  for (const member of field) member.jsonName = protobuf.util.camelCase(member.name ?? "");
  // The entry type of `map<…> some_name` must be `SomeNameEntry`, and protobufjs names it `Some_name`.
  for (const entry of nestedType.filter(({ options }) => options?.mapEntry)) {
    const { name = "" } = entry;
    entry.name = `${protobuf.util.ucFirst(protobuf.util.camelCase(name))}Entry`;
    for (const member of field) if (member.typeName === name) member.typeName = entry.name;
  }
  nestedType.forEach(complete);
}
