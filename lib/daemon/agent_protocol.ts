/**
 * What the engine and an agent say to each other beside the calls: lines of JSON, over the agent's standard input
 * and output. When its input ends, the engine has died, and the agent exits.
 *
 * @module
 */

import * as z from "../text/zod.ts";

/** What an agent needs; the first line, and the only one from the engine. */
export const agentOptionsSchema = z.object({
  host: z.string(),
  /** Where the servers of NATS are, each as `host:port`. */
  servers: z.array(z.string()).readonly(),
  /** PEM. */
  tls: z.object({ cert: z.string(), key: z.string(), ca: z.string() }),
  /** Absolute path of the socket at which the engine waits for it. */
  socket: z.string(),
  debug: z.boolean(),
  /** Whether standard error, which it has from the engine, is systemd's journal. */
  journal: z.boolean(),
});

export type AgentOptions = Readonly<z.infer<typeof agentOptionsSchema>>;

/** How often an agent says that it lives. */
export const ALIVE_EVERY_MS = 5_000;

/** From the agent. */
export const aliveSchema = z.object({ kind: z.literal("alive") });

export const ALIVE: z.infer<typeof aliveSchema> = { kind: "alive" };
