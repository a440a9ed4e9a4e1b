/**
 * The wire contracts in the form that grpc-js needs, read from the text of the `.proto` files. Bundles and
 * executables include that text, so no file is needed at run time.
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
 * The reflection contract under its older name, which is its only difference and the only one that older
 * clients know.
 */
export const REFLECTION_V1ALPHA_PROTO: string = reflectionProto.replace(
  "package grpc.reflection.v1;",
  "package grpc.reflection.v1alpha;",
);

/**
 * How much may be in flight to a reader, per stream and per connection. With the usual 64 KiB, a log stream is
 * four times slower.
 */
export const FLOW_CONTROL_WINDOW_BYTES = 8 * 1024 * 1024;

/** After how long a silent peer is pinged, and how long it has to answer. */
export interface Keepalive {
  readonly timeMs: number;
  readonly timeoutMs: number;
}

/** For both sides: a peer that has vanished is noticed within 40 s. */
export const KEEPALIVE: Keepalive = { timeMs: 30_000, timeoutMs: 10_000 };

/** The same as options of grpc-js; a client pings only while a call is waiting. */
export function keepaliveOptions({ timeMs, timeoutMs }: Keepalive): Record<string, number> {
  return { "grpc.keepalive_time_ms": timeMs, "grpc.keepalive_timeout_ms": timeoutMs };
}

/** How a message looks in memory. `gen/generate.ts` writes types of exactly this form. */
const SHAPE: Options = { longs: Number, enums: String, defaults: true, oneofs: true };

const ROOT = parseProtos([...Object.values(PROTOS), REFLECTION_V1ALPHA_PROTO]);

const DEFINITIONS: PackageDefinition = fromJSON(ROOT.toJSON(), SHAPE);

/** The full name of the service, as used by health checks and `grpcurl`. */
export const JOB_WORKER_SERVICE = "jobworker.v1.JobWorker";

export const JOB_WORKER = defineService<JobWorkerMethods>(JOB_WORKER_SERVICE);
export const HEALTH = defineService<HealthMethods>("grpc.health.v1.Health");
export const REFLECTION = defineService<ServerReflectionMethods>(
  "grpc.reflection.v1.ServerReflection",
);
export const REFLECTION_V1ALPHA = defineService<ServerReflectionMethods>(
  "grpc.reflection.v1alpha.ServerReflection",
);

/** What the messages of requests consist of, by the name of the method in the contract. */
export const REQUEST_TYPES: ReadonlyMap<string, protobuf.Type> = new Map(
  ROOT.lookupService(JOB_WORKER_SERVICE).methodsArray.map(({ name, resolvedRequestType }) => {
    if (resolvedRequestType === null) throw new TypeError(`The request of ${name} is not defined`);
    return [name, resolvedRequestType];
  }),
);

function defineService<Methods extends Record<keyof Methods, MethodTypes>>(
  name: string,
): ServiceMethods<Methods> {
  // The generated types come from the same text: tests/grpc/gen_test.ts.
  return DEFINITIONS[name] as unknown as ServiceMethods<Methods>;
}
