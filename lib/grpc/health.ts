import { abortable } from "../async/abortable.ts";
import { JobWorkerError } from "../errors.ts";
import { WakeUp } from "../async/wake_up.ts";
import type { HealthCheckRequest, HealthCheckResponse, HealthMethods } from "./gen/health.ts";
import type { UntypedServiceImplementation } from "./grpc.ts";
import { JOB_WORKER_SERVICE } from "./protocol.ts";
import type { ServerCalls } from "./server_call.ts";
import { streamHandler } from "./stream_handler.ts";
import { unaryHandler } from "./unary_handler.ts";

/** `grpc.health.v1.Health`: serving from the start, until told otherwise. */
export class Health {
  readonly #changed = new WakeUp();
  #serving = true;

  /** Answers NOT_SERVING from now on. */
  stopServing(): void {
    this.#serving = false;
    this.#changed.notify();
  }

  handlers(calls: ServerCalls): UntypedServiceImplementation {
    return {
      Check: unaryHandler(calls, ({ service }: HealthCheckRequest) => {
        const status = this.#statusOf(service);
        if (status !== "SERVICE_UNKNOWN") return Promise.resolve({ status });
        throw new JobWorkerError("not_found", `No such service: "${service}"`);
      }),
      Watch: streamHandler(
        calls,
        ({ service }: HealthCheckRequest, { signal }) => this.#watch(service, signal),
      ),
    } satisfies Record<keyof HealthMethods, unknown>;
  }

  #statusOf(service: string): HealthCheckResponse["status"] {
    if (service !== "" && service !== JOB_WORKER_SERVICE) return "SERVICE_UNKNOWN";
    return this.#serving ? "SERVING" : "NOT_SERVING";
  }

  async *#watch(service: string, signal: AbortSignal): AsyncGenerator<HealthCheckResponse> {
    while (true) {
      const changed = this.#changed.next();
      yield { status: this.#statusOf(service) };
      await abortable(changed, signal);
    }
  }
}
