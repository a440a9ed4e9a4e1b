/**
 * The wire contracts as grpc-js wants them: read from the text of the `.proto` files, which a bundle
 * or an executable carries along, so that no file is needed at run time.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import protobuf from "protobufjs";
import jobWorkerProto from "../../proto/jobworker/v1/jobworker.proto" with { type: "text" };
import healthProto from "../../proto/grpc/health/v1/health.proto" with { type: "text" };
import reflectionProto from "../../proto/grpc/reflection/v1/reflection.proto" with { type: "text" };
import type { MethodDefinition } from "./grpc.ts";
import type { HealthMethods } from "./gen/health.ts";
import type { JobWorkerMethods } from "./gen/jobworker.ts";
import type { ServerReflectionMethods } from "./gen/reflection.ts";

/** The contracts by the name of the file in `gen/` that holds their types. */
export const PROTOS = {
  jobworker: jobWorkerProto,
  health: healthProto,
  reflection: reflectionProto,
} as const;

/** What a generated `…Methods` type says of each method. */
export interface MethodTypes {
  readonly request: object;
  readonly response: object;
}

/** The methods of a service, each with its types. */
export type ServiceMethods<Methods extends Record<keyof Methods, MethodTypes>> = {
  readonly [Name in keyof Methods]: MethodDefinition<
    Methods[Name]["request"],
    Methods[Name]["response"]
  >;
};

/**
 * Reads contracts into one protobufjs root, `google.protobuf.Timestamp` and `Duration` included.
 *
 * @param options.keepCase keep the names as they are written (`job_id`), not in camel case (`jobId`)
 */
export function parseProtos(
  texts: Iterable<string>,
  options: { keepCase?: boolean } = {},
): protobuf.Root {
  const root = new protobuf.Root();
  for (const text of texts) {
    protobuf.parse(text, root, { keepCase: options.keepCase ?? false });
  }
  for (const name of ["timestamp", "duration"]) {
    root.addJSON(protobuf.common.get(`google/protobuf/${name}.proto`)?.nested ?? {});
  }
  root.resolveAll();
  return root;
}

/**
 * The reflection contract under its older name, which differs by nothing else and is all that older
 * clients know.
 */
export const REFLECTION_V1ALPHA_PROTO: string = reflectionProto.replace(
  "package grpc.reflection.v1;",
  "package grpc.reflection.v1alpha;",
);

/**
 * How much may be on its way to a reader that has not taken it yet, per stream and per connection.
 * With the usual 64 KiB a log stream is four times slower.
 */
export const FLOW_CONTROL_WINDOW_BYTES = 8 * 1024 * 1024;

const root = parseProtos([...Object.values(PROTOS), REFLECTION_V1ALPHA_PROTO]);

/** Full name of the service, as health checks and `grpcurl` say it. */
export const JOB_WORKER_SERVICE = "jobworker.v1.JobWorker";

export const JOB_WORKER = defineService<JobWorkerMethods>(JOB_WORKER_SERVICE);
export const HEALTH = defineService<HealthMethods>("grpc.health.v1.Health");
export const REFLECTION = defineService<ServerReflectionMethods>(
  "grpc.reflection.v1.ServerReflection",
);
export const REFLECTION_V1ALPHA = defineService<ServerReflectionMethods>(
  "grpc.reflection.v1alpha.ServerReflection",
);

function defineService<Methods extends Record<keyof Methods, MethodTypes>>(
  name: string,
): ServiceMethods<Methods> {
  const methods = root.lookupService(name).methodsArray.map((method) => {
    const request = codecOf(method.resolvedRequestType);
    const response = codecOf(method.resolvedResponseType);
    const definition: MethodDefinition<object, object> = {
      path: `/${name}/${method.name}`,
      requestStream: method.requestStream ?? false,
      responseStream: method.responseStream ?? false,
      requestSerialize: request.encode,
      requestDeserialize: request.decode,
      responseSerialize: response.encode,
      responseDeserialize: response.decode,
    };
    return [method.name, definition] as const;
  });
  // The generated types come from the same text: tests/grpc/gen_test.ts.
  return Object.fromEntries(methods) as ServiceMethods<Methods>;
}

/** How a message looks in memory. `gen/generate.ts` writes types of exactly this form. */
const SHAPE: protobuf.IConversionOptions = {
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
};

function codecOf(type: protobuf.Type | null) {
  if (type === null) throw new TypeError("The wire contract has not been resolved");
  return {
    encode: (message: object): Buffer => {
      const bytes = type.encode(type.fromObject(message)).finish();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    decode: (bytes: Uint8Array): object => type.toObject(type.decode(bytes), SHAPE),
  };
}
