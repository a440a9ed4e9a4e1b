/**
 * Traces, by Deno's own support for OpenTelemetry: <https://docs.deno.com/runtime/fundamentals/open_telemetry/>. If it is
 * switched on, by `OTEL_DENO=true` in the environment, the runtime sends them by itself, whatever the program is
 * permitted to read or to connect to. If it is not, all of this does nothing.
 *
 * @module
 */

import { JobWorkerError } from "../errors.ts";
import { VERSION } from "../version.ts";

/** A span as a `traceparent` says it: <https://www.w3.org/TR/trace-context/#traceparent-header>. */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** The key of the span in a context, as `@opentelemetry/api` has it. */
const SPAN = Symbol.for("OpenTelemetry Context Key SPAN");

/** `SpanKind` and `SpanStatusCode` of `@opentelemetry/api`. */
const KINDS = { internal: 0, server: 1 } as const;
const FAILED = 2;

interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

interface Span {
  spanContext(): SpanContext;
  setAttribute(name: string, value: string): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  end(): void;
}

interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
}

/** What of `Deno.telemetry` is in use. */
interface Telemetry {
  readonly tracer: {
    startSpan(name: string, options: { readonly kind: number }, context: Context): Span;
  };
  readonly contexts: {
    active(): Context;
    with<T>(context: Context, run: () => T): T;
  };
}

/** What a span is about, see {@linkcode traced}. */
export interface TraceOptions {
  readonly kind: keyof typeof KINDS;
  /** What called us, as {@linkcode currentTrace} said it there. By default what is traced here already. */
  readonly parent?: string | undefined;
}

const telemetry = find();

/** Whether somebody has switched on what the runtime does for OpenTelemetry. */
export const isTracing: boolean = telemetry !== null;

function find(): Telemetry | null {
  const tracer = Deno.telemetry.tracerProvider.getTracer("job-worker", VERSION);
  try {
    // It throws if nobody has switched that on. A span that does not end is told to nobody.
    tracer.startSpan("");
    return { tracer, contexts: Deno.telemetry.contextManager };
  } catch {
    return null;
  }
}

/**
 * Does something as a span of a trace: what it does meanwhile belongs to it, across every `await`.
 *
 * @param name of few different values: it must not have an id in it
 */
export async function traced<T>(
  name: string,
  { kind, parent }: TraceOptions,
  run: () => Promise<T>,
): Promise<T> {
  if (telemetry === null) return await run();
  const { tracer, contexts } = telemetry;
  const active = contexts.active();
  const remote = parent === undefined ? null : parse(parent);
  const outer = remote === null ? active : active.setValue(SPAN, { spanContext: () => remote });
  const span = tracer.startSpan(name, { kind: KINDS[kind] }, outer);
  try {
    return await contexts.with(outer.setValue(SPAN, span), run);
  } catch (error) {
    // What an error says may be about a job, which is none of a collector's business.
    span.setAttribute("error.type", error instanceof JobWorkerError ? error.code : "internal");
    span.setStatus({ code: FAILED });
    throw error;
  } finally {
    span.end();
  }
}

/** The span that is under way, as a `traceparent`; `undefined` if there is none. */
export function currentTrace(): string | undefined {
  const span = telemetry?.contexts.active().getValue(SPAN) as Span | undefined;
  if (span === undefined) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** `null` for anything that is no `traceparent`: then there is no parent, as the standard has it. */
function parse(traceparent: string): SpanContext | null {
  const [, traceId, spanId, flags = ""] = TRACEPARENT.exec(traceparent) ?? [];
  if (traceId === undefined || spanId === undefined) return null;
  return { traceId, spanId, traceFlags: parseInt(flags, 16) };
}
