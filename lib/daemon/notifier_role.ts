import { messageOf } from "../errors.ts";
import { certificateFaultOf } from "../notify/certificate_fault.ts";
import type { WebhookAnswer } from "../notify/deliveries.ts";
import type { WebhookRequest } from "../notify/webhook.ts";
import { VERSION } from "../version.ts";
import { configureDiagnostics } from "./diagnostics.ts";
import type { GatewayPipes } from "./gateway.ts";
import { decodeLines } from "./gateway_protocol.ts";
import {
  ANSWER_TIMEOUT_MS,
  MAX_COMMAND_CHARACTERS,
  notifierCommandSchema,
  type NotifierReport,
} from "./notifier_protocol.ts";

/** The longest reason that is told. */
const MAX_FAULT_LENGTH = 400;

/**
 * Runs the process that calls webhooks. It knows no key and no job, decides nothing, and may crash: what it has not
 * reported is sent again.
 *
 * @returns its exit status
 */
export async function runNotifier({ input, output }: GatewayPipes): Promise<number> {
  // Flags on the command line do not grant them anyway, but those of `deno compile` are for every role.
  for (const name of ["run", "sys", "read", "write", "env", "ffi"] as const) {
    await Deno.permissions.revoke({ name });
  }
  const lines = decodeLines(input, notifierCommandSchema, MAX_COMMAND_CHARACTERS);
  const { value: begin } = await lines.next();
  if (begin?.kind !== "begin") return 0;
  await configureDiagnostics(begin);
  using client = Deno.createHttpClient({ caCerts: begin.ca === "" ? [] : [begin.ca] });
  const writer = output.getWriter();
  const gone = new AbortController();
  for await (const command of lines) {
    if (command.kind === "begin") continue;
    const { number } = command;
    if (command.kind === "count") {
      void report(writer, { number, residentBytes: Deno.memoryUsage().rss });
      continue;
    }
    void call(client, command, gone.signal).then((answer) => report(writer, { number, ...answer }));
  }
  gone.abort();
  return 0;
}

async function report(
  writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>,
  line: NotifierReport,
): Promise<void> {
  // If nobody reads it any more, the input ends, too.
  await writer.write(new TextEncoder().encode(`${JSON.stringify(line)}\n`)).catch(() => {});
}

/**
 * Calls a webhook. What it answers beside the status is not read; where it would redirect us to, we do not go.
 * Never rejects.
 */
async function call(
  client: Deno.HttpClient,
  { url, headers, body }: WebhookRequest,
  signal: AbortSignal,
): Promise<WebhookAnswer> {
  const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  try {
    const { status, body: answer } = await fetch(url, {
      method: "POST",
      headers: { ...headers, "user-agent": `job-worker/${VERSION}` },
      body,
      redirect: "manual",
      signal: AbortSignal.any([signal, timeout]),
      client,
    });
    await answer?.cancel().catch(() => {});
    return { status };
  } catch (error) {
    const seconds = ANSWER_TIMEOUT_MS / 1000;
    return { fault: timeout.aborted ? `no answer within ${seconds} s` : faultOf(error) };
  }
}

/** Why a call has failed. The words of Deno have the URL in them, as it writes it, and that may be a secret. */
function faultOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return certificateFaultOf(messageOf(cause)) ??
    messageOf(cause).replace(/^error sending request for url \(\S+ /, "")
      .replace(/https:\S*/g, "its URL").slice(0, MAX_FAULT_LENGTH);
}
