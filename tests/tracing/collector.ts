/** A span, as a collector gets it. */
export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly kind: number;
  readonly status: { readonly code: number };
  readonly attributes: readonly { readonly key: string; readonly value: unknown }[];
}

/** A log record, as a collector gets it. */
export interface CollectedRecord {
  readonly severityText: string;
  readonly body: { readonly stringValue: string };
  readonly traceId: string;
}

/** A collector that speaks OTLP over HTTP, with JSON, and keeps the spans and log records that it is sent. */
export class TestCollector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = [];
  readonly records: CollectedRecord[] = [];
  /** All that it was sent, as it came. */
  received = "";
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      return this.#take(request);
    });
  }

  /** The variables by which a process of Deno sends its spans here, and soon. */
  get environment(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_BSP_SCHEDULE_DELAY: "100",
      OTEL_BLRP_SCHEDULE_DELAY: "100",
    };
  }

  /** Whether a span is part of what happened during another, as far as is known by now. */
  isBelow(span: CollectedSpan, above: CollectedSpan): boolean {
    if (span.parentSpanId === above.spanId) return true;
    const parent = this.spans.find(({ spanId }) => spanId === span.parentSpanId);
    return parent !== undefined && this.isBelow(parent, above);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #take(request: Request): Promise<Response> {
    const text = await request.text();
    this.received += text;
    const { resourceSpans = [], resourceLogs = [] } = JSON.parse(text);
    for (const { scopeSpans } of resourceSpans) {
      for (const { spans } of scopeSpans) this.spans.push(...spans);
    }
    for (const { scopeLogs } of resourceLogs) {
      for (const { logRecords } of scopeLogs) this.records.push(...logRecords);
    }
    return Response.json({});
  }
}
