/**
 * A call by grpc-js and nothing else: what a command of the CLI takes at best.
 *
 * Arguments: address, CA, certificate, key, the id of a job.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { Client, credentials } from "../lib/grpc/grpc.ts";
import { JOB_WORKER } from "../lib/grpc/protocol.ts";

const [address = "", ca = "", cert = "", key = "", jobId = ""] = Deno.args;
const [roots, chain, secret] = [ca, cert, key].map((path) => Buffer.from(Deno.readFileSync(path)));
const client = new Client(address, credentials.createSsl(roots, secret, chain), {
  "grpc.ssl_target_name_override": "localhost",
});
const { path, requestSerialize, responseDeserialize } = JOB_WORKER.GetJob;
client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { jobId }, (error) => {
  if (error !== null) throw error;
  // The connection would be kept.
  Deno.exit();
});
