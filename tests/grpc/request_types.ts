import protobuf from "protobufjs/light.js";
import contracts from "../../lib/grpc/gen/contracts.json" with { type: "json" };
import { JOB_WORKER_SERVICE } from "../../lib/grpc/protocol.ts";

// protobufjs takes what has no comments, whatever its types say.
const ROOT = protobuf.Root.fromJSON(contracts as protobuf.INamespace);

/** What the messages of requests consist of, by the name of the method in the contract. */
export const REQUEST_TYPES: ReadonlyMap<string, protobuf.Type> = new Map(
  ROOT.lookupService(JOB_WORKER_SERVICE).methodsArray.map(({ name, resolvedRequestType }) => {
    if (resolvedRequestType === null) throw new TypeError(`The request of ${name} is not defined`);
    return [name, resolvedRequestType];
  }),
);
