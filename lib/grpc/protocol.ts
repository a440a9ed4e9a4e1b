/**
 * The wire contracts as grpc-js wants them: read from the text of the `.proto` files, which a bundle
 * or an executable carries along, so that no file is needed at run time.
 *
 * @module
 */

import { fromJSON, type Options, type PackageDefinition } from "@grpc/proto-loader";
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

/** After how long a silent peer is asked for a sign of life, and how long it has to give one. */
export interface Keepalive {
  readonly timeMs: number;
  readonly timeoutMs: number;
}

/** Of either side: a peer that vanished without a word is noticed within 40 s. */
export const KEEPALIVE: Keepalive = { timeMs: 30_000, timeoutMs: 10_000 };

/** The same as grpc-js has it, on the side of a client for as long as a call waits. */
export function keepaliveOptions({ timeMs, timeoutMs }: Keepalive): Record<string, number> {
  return { "grpc.keepalive_time_ms": timeMs, "grpc.keepalive_timeout_ms": timeoutMs };
}

/** How a message looks in memory. `gen/generate.ts` writes types of exactly this form. */
const SHAPE: Options = { longs: Number, enums: String, defaults: true, oneofs: true };

const DEFINITIONS: PackageDefinition = fromJSON(
  parseProtos([...Object.values(PROTOS), REFLECTION_V1ALPHA_PROTO]).toJSON(),
  SHAPE,
);

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
  // The generated types come from the same text: tests/grpc/gen_test.ts.
  return DEFINITIONS[name] as unknown as ServiceMethods<Methods>;
}
