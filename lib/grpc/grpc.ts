/**
 * grpc-js, never without the guard: import it from here and the order cannot be wrong.
 *
 * @module
 */

import "./http2_guard.ts";

export * from "@grpc/grpc-js";
