import type { Buffer } from "node:buffer";
import { JobWorkerError } from "../errors.ts";
import { JOB_METHODS, type JobMethod } from "../service/methods.ts";
import { type Codec, wireName } from "./codecs.ts";
import { CONTRACTS, resolve } from "./contracts.ts";
import { entryCounter } from "./entry_counter.ts";
import type { ServiceDefinition } from "./grpc.ts";
import { JOB_WORKER, JOB_WORKER_SERVICE } from "./protocol.ts";

/**
 * The service as {@linkcode JOB_WORKER} has it, but for its messages, which are bytes: grpc-js could only answer
 * what is wrong with a request with an internal error, and does not tell how large an answer is.
 */
export const RAW_JOB_WORKER: ServiceDefinition = Object.fromEntries(
  Object.entries(JOB_WORKER).map(([name, definition]) => [
    name,
    { ...definition, requestDeserialize: same, responseSerialize: same },
  ]),
);

function same(bytes: Buffer): Buffer {
  return bytes;
}

type Message<Name extends JobMethod> = Parameters<Codec<Name>["readRequest"]>[0];

const COUNTERS = new Map(
  JOB_METHODS.map((method) => {
    const service = resolve([CONTRACTS], JOB_WORKER_SERVICE);
    const { requestType = "" } = service.at(-1)?.methods?.[wireName(method)] ?? {};
    return [method, entryCounter(resolve(service, requestType))];
  }),
);

/**
 * Decodes requests of a method, after their entries have been counted.
 *
 * @returns a function that throws `invalid_argument` for a field with more entries than it may have, and
 *   `internal`, as gRPC does everywhere, for bytes that are no message
 */
export function decoderOf<Name extends JobMethod>(
  method: Name,
): (bytes: Buffer) => Message<Name> {
  const { requestDeserialize } = JOB_WORKER[wireName(method)];
  const checkCounts = COUNTERS.get(method);
  return function decode(bytes) {
    try {
      checkCounts?.(bytes);
      return requestDeserialize(bytes) as Message<Name>;
    } catch (error) {
      if (error instanceof JobWorkerError) throw error;
      throw new JobWorkerError(
        "internal",
        `Cannot read the request: its ${bytes.byteLength} bytes are no ${wireName(method)}Request`,
        { cause: error },
      );
    }
  };
}
