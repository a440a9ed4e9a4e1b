/**
 * The messages of the contracts, as protobufjs makes them at run time. In bundles, a module of the same form that
 * `build/messages.ts` writes stands in for this one: to make the messages takes longer than to use them once.
 *
 * @module
 */

import protobuf from "protobufjs/light.js";
import contracts from "./gen/contracts.json" with { type: "json" };

/** How a message is written and read. */
export type MessageType = Pick<protobuf.Type, "fromObject" | "encode" | "decode" | "toObject">;

// protobufjs takes what has no comments, whatever its types say.
const ROOT = protobuf.Root.fromJSON(contracts as protobuf.INamespace);

/**
 * The message with this full name.
 *
 * @throws if there is none
 */
export function messageType(name: string): MessageType {
  return ROOT.lookupType(name);
}
