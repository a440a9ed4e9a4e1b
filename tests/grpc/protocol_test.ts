import { fromJSON } from "@grpc/proto-loader";
import { type Codec, codecOf, wireName } from "../../lib/grpc/codecs.ts";
import { parseProtos, SERVED } from "../../lib/grpc/gen/proto_texts.ts";
import type { MethodDefinition } from "../../lib/grpc/grpc.ts";
import {
  HEALTH,
  JOB_WORKER,
  JOB_WORKER_SERVICE,
  REFLECTION,
  REFLECTION_V1ALPHA,
  SHAPE,
} from "../../lib/grpc/protocol.ts";
import { JOB_METHODS, type JobMethod } from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";
import { WHOLE_ANSWERS, WHOLE_REQUESTS } from "../service/samples.ts";

const LOADED = fromJSON(parseProtos(SERVED).toJSON(), SHAPE);

/** A method, whatever its messages. */
type Method = MethodDefinition<object, object>;

/** A method as proto-loader makes it. */
function loaded(service: string, name: string): Method {
  return Reflect.get(LOADED[service] ?? assert.fail(service), name) ?? assert.fail(name);
}

Deno.test("Services have the methods that proto-loader finds in the contracts", () => {
  const services = {
    [JOB_WORKER_SERVICE]: JOB_WORKER,
    "grpc.health.v1.Health": HEALTH,
    "grpc.reflection.v1.ServerReflection": REFLECTION,
    "grpc.reflection.v1alpha.ServerReflection": REFLECTION_V1ALPHA,
  };
  for (const [service, methods] of Object.entries(services)) {
    assert.deepEqual(Object.keys(methods), Object.keys(LOADED[service] ?? {}));
    const kind = ({ path, requestStream, responseStream }: Method) => ({
      path,
      requestStream,
      responseStream,
    });
    for (const [name, method] of Object.entries(methods)) {
      assert.deepEqual(kind(method), kind(loaded(service, name)));
    }
  }
});

for (const method of JOB_METHODS) {
  Deno.test(`${method} has the messages on the wire that proto-loader makes`, () => {
    const codec: { [Half in keyof Codec<JobMethod>]: (value: never) => object } = codecOf(method);
    const ours = JOB_WORKER[wireName(method)] as unknown as Method;
    const theirs = loaded(JOB_WORKER_SERVICE, wireName(method));
    for (const request of [{}, codec.writeRequest(WHOLE_REQUESTS[method] as never)]) {
      const bytes = ours.requestSerialize(request);
      assert.deepEqual(bytes, theirs.requestSerialize(request));
      assert.deepEqual(ours.requestDeserialize(bytes), theirs.requestDeserialize(bytes));
    }
    for (
      const answer of [
        {},
        ...[WHOLE_ANSWERS[method]].flat().map((answer) => codec.writeAnswer(answer as never)),
      ]
    ) {
      const bytes = ours.responseSerialize(answer);
      assert.deepEqual(bytes, theirs.responseSerialize(answer));
      assert.deepEqual(ours.responseDeserialize(bytes), theirs.responseDeserialize(bytes));
    }
  });
}
