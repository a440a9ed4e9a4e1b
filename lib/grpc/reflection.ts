/**
 * Server reflection: https://grpc.io/docs/guides/reflection/
 *
 * `@grpc/reflection` 1.0.4 does not work here: its description of our contract names no imports, so that clients
 * reject it, and it reads a `.proto` file of its own, which an executable does not include.
 *
 * @module
 */

import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor/index.js";
import { ERROR_CODES } from "../errors.ts";
import type { ServerReflectionRequest, ServerReflectionResponse } from "./gen/reflection.ts";
import type { handleBidiStreamingCall, UntypedServiceImplementation } from "./grpc.ts";
import { parseProtos, PROTOS, REFLECTION_V1ALPHA_PROTO } from "./protocol.ts";
import type { ServerCalls } from "./server_call.ts";
import { write } from "./stream_handler.ts";

declare module "protobufjs" {
  interface Root {
    /** Added by `protobufjs/ext/descriptor`. */
    toDescriptor(edition: "proto3"): { readonly file: descriptor.IFileDescriptorProto[] };
  }
}

/** The name that protobufjs gives the file of imported messages. */
const IMPORTED_FILE = "google_protobuf.proto";

/** What this server offers, described as `protoc` would do it. */
interface Description {
  readonly services: readonly string[];
  /** Serialized, by name. */
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** The file that defines a full name. */
  readonly fileOf: ReadonlyMap<string, string>;
}

function describe(): Description {
  const protos = [...Object.values(PROTOS), REFLECTION_V1ALPHA_PROTO];
  const root = parseProtos(protos, { keepCase: true });
  const services: string[] = [];
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const fileOf = new Map<string, string>();
  for (const file of root.toDescriptor("proto3").file) {
    const name = file.name ?? "";
    // protobufjs does not say what a file imports, and clients reject names from files that are not imported.
    if (name !== IMPORTED_FILE) file.dependency = [IMPORTED_FILE];
    file.messageType?.forEach(complete);
    files.set(name, new Uint8Array(descriptor.FileDescriptorProto.encode(file).finish()));
    const visit = (object: protobuf.ReflectionObject) => {
      fileOf.set(object.fullName.slice(1), name);
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
    if (namespace instanceof protobuf.Namespace) {
      namespace.nestedArray.forEach(visit);
    }
  }
  return { services, files, fileOf };
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

/** Made on demand, because most daemons are never asked. */
let description: Description | undefined;

/** Answers one request of `ServerReflectionInfo`. */
function reflect(request: ServerReflectionRequest): ServerReflectionResponse {
  const { services, files, fileOf } = description ??= describe();
  const response = { validHost: request.host, originalRequest: request };
  const fail = (errorCode: number, errorMessage: string): ServerReflectionResponse => ({
    ...response,
    messageResponse: "errorResponse",
    errorResponse: { errorCode, errorMessage },
  });
  const tell = (name: string | undefined, asked: string): ServerReflectionResponse => {
    const file = name === undefined ? undefined : files.get(name);
    if (file === undefined) return fail(ERROR_CODES.not_found.grpc, `Not found: "${asked}"`);
    return {
      ...response,
      messageResponse: "fileDescriptorResponse",
      fileDescriptorResponse: { fileDescriptorProto: [file] },
    };
  };
  switch (request.messageRequest) {
    case "listServices":
      return {
        ...response,
        messageResponse: "listServicesResponse",
        listServicesResponse: { service: services.map((name) => ({ name })) },
      };
    case "fileByFilename":
      return tell(request.fileByFilename, request.fileByFilename);
    case "fileContainingSymbol":
      return tell(fileOf.get(request.fileContainingSymbol), request.fileContainingSymbol);
    default:
      return fail(ERROR_CODES.unimplemented.grpc, "This server has no extensions");
  }
}

/** The handlers of `ServerReflection`, the same for both of its names. */
export function reflectionHandlers(calls: ServerCalls): UntypedServiceImplementation {
  const handle: handleBidiStreamingCall<ServerReflectionRequest, ServerReflectionResponse> =
    async function handleReflection(call) {
      const failure = await calls.run(call, "open_ended", async ({ signal }) => {
        // A plain loop would destroy the stream at its end, and then no status could be sent.
        const requests: AsyncIterable<ServerReflectionRequest> = call.iterator({
          destroyOnReturn: false,
        });
        for await (const request of requests) await write(call, reflect(request), signal);
      });
      if (failure === null) call.end();
      else call.emit("error", failure);
    };
  return { ServerReflectionInfo: handle };
}
