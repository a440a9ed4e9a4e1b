import { abortable } from "../async/abortable.ts";
import { shareCall } from "../async/share_call.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { isLasting } from "../files/lasting.ts";
import { Exposition } from "../metrics/exposition.ts";
import { configureDiagnostics } from "./diagnostics.ts";
import {
  type ExporterCommand,
  exporterCommandSchema,
  type ExporterOptions,
  type ExporterReport,
  MAX_TEXT_CHARACTERS,
} from "./exporter_protocol.ts";
import { ExporterServer } from "./exporter_server.ts";
import type { GatewayPipes } from "./gateway.ts";
import { decodeLines, FAILURES } from "./gateway_protocol.ts";

/**
 * How long the engine has to tell what it has measured, which takes the others two seconds at most. By itself
 * Prometheus waits for ten.
 */
const TOLD_WITHIN_MS = 5_000;

/**
 * Runs the process that tells everybody who asks what is measured. It is a process of its own since nobody has to
 * prove who they are for that: it can listen, ask the engine for that text, and nothing else.
 *
 * @returns its exit status
 */
export async function runExporter(pipes: GatewayPipes): Promise<number> {
  // Flags on the command line do not grant them anyway, but those of `deno compile` are for every role.
  for (const name of ["run", "sys", "write"] as const) await Deno.permissions.revoke({ name });
  const encoder = new TextEncoder();
  const output = pipes.output.getWriter();
  const report = (message: ExporterReport) =>
    output.write(encoder.encode(`${JSON.stringify(message)}\n`));
  const lines = decodeLines(pipes.input, exporterCommandSchema, MAX_TEXT_CHARACTERS);
  const { value: first, done } = await lines.next();
  if (done || first.kind !== "serve") return 0;
  await configureDiagnostics(first.options);
  const engine = new EngineText(first.options, () => report({ kind: "scrape" }));
  try {
    await using server = await ExporterServer.listen(
      first.options.address,
      () => engine.scrape(),
    );
    await report({ kind: "listening", address: server.address });
    for await (const command of lines) engine.told(command);
    return 0;
  } catch (error) {
    const known = error instanceof JobWorkerError ? error.code : null;
    const lasting = isLasting(error) ? "failed_precondition" : "unavailable";
    const code = FAILURES.find((code) => code === known) ?? lasting;
    await report({ kind: "failed", code, message: messageOf(error) });
    return 1;
  }
}

/** What the engine tells when it is asked. */
class EngineText {
  readonly #by: ExporterOptions["by"];
  /** Asks for the next text: once, however often somebody comes while the engine is silent. */
  readonly #next: () => Promise<string>;
  #told = Promise.withResolvers<string>();

  constructor({ by }: ExporterOptions, ask: () => Promise<void>) {
    this.#by = by;
    this.#next = shareCall(async () => {
      this.#told = Promise.withResolvers();
      await ask();
      return await this.#told.promise;
    });
  }

  /** What is measured; if the engine does not tell in time, that. */
  async scrape(): Promise<string> {
    try {
      return await abortable(this.#next(), AbortSignal.timeout(TOLD_WITHIN_MS));
    } catch {
      return this.#silence();
    }
  }

  told(command: ExporterCommand): void {
    if (command.kind === "text") this.#told.resolve(command.text);
  }

  #silence(): string {
    const exposition = new Exposition(this.#by);
    const process = this.#by === "host" ? "engine" : "hub";
    exposition.add("job_worker_process_up", { process }, 0);
    return exposition.text();
  }
}
