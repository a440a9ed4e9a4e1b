/**
 * The wire contracts as they are written, in `proto/`. What is needed of them at run time is generated, so
 * that neither their text nor a parser has to be loaded.
 *
 * @module
 */

import protobuf from "protobufjs";
import jobWorkerProto from "../../../proto/jobworker/v1/jobworker.proto" with { type: "text" };
import healthProto from "../../../proto/grpc/health/v1/health.proto" with { type: "text" };
import reflectionProto from "../../../proto/grpc/reflection/v1/reflection.proto" with {
  type: "text",
};

/** The contracts by the name of the file in `gen/` that holds their types. */
export const PROTOS = {
  jobworker: jobWorkerProto,
  health: healthProto,
  reflection: reflectionProto,
} as const;

/**
 * The reflection contract under its older name, which is its only difference and the only one that older
 * clients know.
 */
const REFLECTION_V1ALPHA_PROTO: string = reflectionProto.replace(
  "package grpc.reflection.v1;",
  "package grpc.reflection.v1alpha;",
);

/** All that the daemon serves. */
export const SERVED: readonly string[] = [...Object.values(PROTOS), REFLECTION_V1ALPHA_PROTO];

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
