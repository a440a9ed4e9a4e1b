/**
 * The services in the form that grpc-js needs, made of what `deno task proto` writes.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import { CONTRACTS, resolve } from "./contracts.ts";
import type { HealthMethods } from "./gen/health.ts";
import type { JobWorkerMethods } from "./gen/jobworker.ts";
import type { ServerReflectionMethods } from "./gen/reflection.ts";
import type { MethodDefinition } from "./grpc.ts";
import { type MessageType, messageType } from "./messages.ts";

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
export const SHAPE = { longs: Number, enums: String, defaults: true, oneofs: true } as const;

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

/**
 * Does what proto-loader does, which would take longer for what it adds: descriptors that nobody reads.
 */
function defineService<Methods extends Record<keyof Methods, MethodTypes>>(
  service: string,
): ServiceMethods<Methods> {
  const packageName = service.slice(0, service.lastIndexOf("."));
  const { methods = {} } = resolve([CONTRACTS], service).at(-1) ?? {};
  const definitions = Object.entries(methods).map(([name, method]) => {
    const request = messageType(`${packageName}.${method.requestType}`);
    const response = messageType(`${packageName}.${method.responseType}`);
    const definition: MethodDefinition<object, object> = {
      path: `/${service}/${name}`,
      requestStream: method.requestStream ?? false,
      responseStream: method.responseStream ?? false,
      requestSerialize: serializer(request),
      requestDeserialize: deserializer(request),
      responseSerialize: serializer(response),
      responseDeserialize: deserializer(response),
    };
    return [name, definition];
  });
  // The generated types come from the same contract: tests/grpc/gen_test.ts.
  return Object.fromEntries(definitions);
}

function serializer(type: MessageType): (message: object) => Buffer {
  // protobufjs writes into a Buffer wherever there is such a class.
  return (message) => type.encode(type.fromObject(message)).finish() as Buffer;
}

function deserializer(type: MessageType): (bytes: Buffer) => object {
  return (bytes) => type.toObject(type.decode(bytes), SHAPE);
}
