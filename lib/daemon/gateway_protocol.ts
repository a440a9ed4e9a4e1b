/**
 * The messages between the engine and a gateway, over the gateway's standard input and output: a line of JSON
 * each. Its standard error is for diagnostics and passes through. When its input ends, the engine has died, and
 * the gateway exits.
 *
 * @module
 */

import { sessionChangeSchema, sessionsSchema } from "../auth/sessions.ts";
import * as z from "../text/zod.ts";
import { credentialsSchema, MAX_CREDENTIALS_CHARACTERS } from "./credentials.ts";

const hostPortSchema = z.object({ hostname: z.string(), port: z.number() });

/** What a gateway serves, and where the jobs are. */
const gatewayOptionsSchema = z.object({
  address: hostPortSchema,
  /** `null`: no REST. */
  restAddress: hostPortSchema.nullable(),
  /** The descriptors of sockets that are bound to these addresses already; `null`: it binds one itself. */
  inherited: z.object({ grpc: z.number().nullable(), rest: z.number().nullable() }),
  /** The origins under which a proxy makes REST public. */
  publicOrigins: z.array(z.string()).readonly(),
  credentials: credentialsSchema,
  /** Who has logged in to the page; absent if nobody can. */
  sessions: sessionsSchema.exactOptional(),
  /** Absolute path of the Unix socket of the engine. */
  socket: z.string(),
  /** For gRPC, at once, in all and from one address. REST gets half as many in addition. */
  maxConnections: z.number(),
  maxConnectionsPerAddress: z.number(),
  /** Towards the engine, at once. */
  maxCalls: z.number(),
  /** Fail if another process listens there, whether or not it would share the port. */
  exclusive: z.boolean(),
  /** By what to multiply the usual times to listen and to answer: more than 1 on a slow machine. */
  slowness: z.number(),
  debug: z.boolean(),
  /** Whether standard error, which it has from the engine, is systemd's journal. */
  journal: z.boolean(),
});

export type GatewayOptions = Readonly<z.infer<typeof gatewayOptionsSchema>>;

/** From the engine. */
export const commandSchema = z.discriminatedUnion("kind", [
  /** The first one. Answered by `listening` or `failed`. */
  z.object({ kind: z.literal("serve"), options: gatewayOptionsSchema }),
  /** Answered by `pong`. */
  z.object({ kind: z.literal("ping"), id: z.number() }),
  /** Answered by `counts`. */
  z.object({ kind: z.literal("count"), id: z.number() }),
  /** Answers `unreachable`. `fault` says why the socket cannot be reached; `null`: try again. */
  z.object({ kind: z.literal("socket"), fault: z.string().nullable() }),
  /** The sessions, after a change. Answered by `informed`. */
  z.object({ kind: z.literal("sessions"), sessions: sessionsSchema }),
  /**
   * Accept no more connections, tell followers to come back, give the other calls this long to end, and exit.
   */
  z.object({ kind: z.literal("drain"), drainTimeoutMs: z.number() }),
]);

export type GatewayCommand = z.infer<typeof commandSchema>;

const apiCountsSchema = z.object({
  /** Open at this moment. */
  connections: z.number(),
  /** Those that were turned away. */
  refused: z.number(),
});

/** What a gateway has counted since it began; it is shown to others, so nothing but numbers is taken. */
const gatewayCountsSchema = z.object({
  residentBytes: z.number(),
  /** `accepted`: with a good certificate. */
  grpc: apiCountsSchema.extend({ accepted: z.number() }),
  /** `null`: no REST. */
  rest: apiCountsSchema.extend({ requests: z.number(), failedLogins: z.number() }).nullable(),
});

export type GatewayCounts = Readonly<z.infer<typeof gatewayCountsSchema>>;

/** See `Refusal`. What a client wrote has been truncated. */
const refusalSchema = z.object({
  method: z.enum(["connect", "login"]),
  peer: z.string().max(128),
  user: z.string().max(64),
  fingerprint: z.string().max(64),
  why: z.string().max(512),
  unreported: z.number(),
});

/** Why it cannot serve: something must be changed first, or it may pass, or it took too long. */
export const FAILURES = ["failed_precondition", "unavailable", "deadline_exceeded"] as const;

/** From the gateway. */
export const reportSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("listening"),
    address: hostPortSchema,
    restAddress: hostPortSchema.nullable(),
  }),
  z.object({ kind: z.literal("failed"), code: z.enum(FAILURES), message: z.string() }),
  /**
   * `fault` says why its own port does not answer; `null` if it does. It `isIdle` if nobody is connected, and nobody
   * has come since the last ping: then it says so when somebody comes.
   */
  z.object({
    kind: z.literal("pong"),
    id: z.number(),
    fault: z.string().nullable(),
    isIdle: z.boolean(),
  }),
  z.object({ kind: z.literal("counts"), id: z.number(), counts: gatewayCountsSchema }),
  /** Somebody has come to a gateway that was idle. Not answered. */
  z.object({ kind: z.literal("used") }),
  /** A call found no engine at the socket. Answered by `socket`. */
  z.object({ kind: z.literal("unreachable") }),
  /** Somebody has logged in or out. Answered by `sessions` once it is written down, and all others know. */
  z.object({ kind: z.literal("session"), change: sessionChangeSchema }),
  /** It has taken the sessions over. */
  z.object({ kind: z.literal("informed") }),
  /** For the audit trail. Not answered. */
  z.object({ kind: z.literal("refused"), refusal: refusalSchema }),
]);

/** Where a gateway listens. */
export type GatewayAddresses = Pick<GatewayOptions, "address" | "restAddress">;

export type GatewayReport = z.infer<typeof reportSchema>;

/** The longest lines that are read, so that a faulty peer cannot fill our memory. */
const MAX_REPORT_CHARACTERS = 64 * 1024;
export const MAX_COMMAND_CHARACTERS: number = MAX_CREDENTIALS_CHARACTERS + 256 * 1024;

/** One message as a line. */
export function encodeLine(message: GatewayCommand | GatewayReport): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(message)}\n`);
}

/**
 * The messages of a stream of lines, until it ends.
 *
 * @throws for a line that is not a message of that schema
 */
export async function* decodeLines<T>(
  source: ReadableStream<Uint8Array<ArrayBuffer>>,
  schema: z.ZodType<T>,
  maxCharacters: number = MAX_REPORT_CHARACTERS,
): AsyncGenerator<T, void, undefined> {
  let pieces: string[] = [];
  let length = 0;
  for await (const text of source.pipeThrough(new TextDecoderStream())) {
    for (const [index, piece] of text.split("\n").entries()) {
      if (index > 0) {
        yield schema.parse(JSON.parse(pieces.join("")));
        [pieces, length] = [[], 0];
      }
      pieces.push(piece);
      length += piece.length;
      if (length > maxCharacters) throw new Error("A line without end");
    }
  }
}
