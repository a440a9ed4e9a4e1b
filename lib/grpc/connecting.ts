import { JobWorkerError } from "../errors.ts";
import type { Connecting } from "../net/reconnection.ts";
import type { Channel } from "./channel.ts";
import type { CallLimits } from "./client_call.ts";
import { isRefusal } from "./diagnose.ts";

/** How long finding out why there is no connection may take. */
const DIAGNOSIS_MS = 2000;

/** What a channel can say of its connection apart from a call; if there was none in time, why. */
export function connecting(channel: Channel, { signal, deadline }: CallLimits): Connecting {
  return {
    connect: async (timeoutMs, cause) => {
      const until = Date.now() + timeoutMs;
      const limit = Math.min(until, deadline);
      if (await channel.connected({ until: limit, keepTrying: true, signal })) return null;
      const refusal = await channel.refusal();
      if (refusal !== null) return refusal;
      if (deadline <= until) throw new JobWorkerError("deadline_exceeded", "Deadline exceeded");
      throw await channel.diagnose({ until: Date.now() + DIAGNOSIS_MS, signal }) ?? cause;
    },
    // A daemon that dies during the handshake looks as if it refused us, so only the second time counts.
    isFinal: (error, isRepeated) =>
      isRefusal(error) && (error.reason !== "CLIENT_CERTIFICATE_REFUSED" || isRepeated),
  };
}
