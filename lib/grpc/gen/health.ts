// deno-fmt-ignore-file
// Generated from the wire contract by `deno task proto`. Do not edit.

export interface HealthMethods {
  readonly Check: {
    readonly request: HealthCheckRequest;
    readonly response: HealthCheckResponse;
  };
  readonly Watch: {
    readonly request: HealthCheckRequest;
    readonly response: HealthCheckResponse;
  };
}

export interface HealthCheckRequest {
  readonly service: string;
}

export interface HealthCheckResponse {
  readonly status: HealthCheckResponse_ServingStatus;
}

/** A number if it is one that this contract does not know. */
export type HealthCheckResponse_ServingStatus =
  | "UNKNOWN"
  | "SERVING"
  | "NOT_SERVING"
  | "SERVICE_UNKNOWN"
  | number;
