/**
 * grpc-js together with the fixes for Deno's HTTP/2. Import it from here, so that they are always loaded first.
 *
 * @module
 */

import "./http2_constants.ts";
import "./http2_guard.ts";

export * from "@grpc/grpc-js";
