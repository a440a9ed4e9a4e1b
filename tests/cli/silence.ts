/**
 * A program that connects as `worker-cli` does, with and without a limit on silence, to a daemon that accepts
 * connections and never answers; each attempt to reach it takes ten seconds, which pass at once. It
 * prints how many attempts there were, and how often it was told of the silence.
 *
 * @module
 */

import { systemIo } from "../../lib/cli/system_io.ts";
import { Channel } from "../../lib/grpc/channel.ts";
import { JobWorkerError, messageOf } from "../../lib/errors.ts";

const [cert = "", key = "", ca = ""] = Deno.args;
const settings = {
  debug: false,
  address: "127.0.0.1:1",
  cert,
  key,
  ca,
  keepConnection: 0,
  json: false,
  color: false,
};
const { connect } = systemIo();

const { now } = Date;
let passedMs = 0;
Date.now = () => now() + passedMs;
let attempts = 0;
Channel.prototype.ready = () => {
  attempts++;
  passedMs += 10_000;
  const error = new JobWorkerError("unavailable", "Silence", { reason: "SILENT" });
  return Promise.reject(error);
};

const told = [];
for (const isPatient of [false, true]) {
  attempts = 0;
  let silences = 0;
  const onSilence = () => silences++;
  const options = { onReconnecting: () => {}, ...isPatient && { onSilence } };
  const why = await connect(settings, options).then(() => "connected", messageOf);
  told.push({ attempts, silences, why });
}
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(told)));
Deno.exit(0);
