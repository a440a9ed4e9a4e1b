/**
 * grpc-js, never without what Deno's HTTP/2 lacks: import it from here and the order cannot be wrong.
 *
 * @module
 */

import "./http2_constants.ts";
import "./http2_guard.ts";

export * from "@grpc/grpc-js";
