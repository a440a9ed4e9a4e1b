/**
 * Adds a constant that Deno's HTTP/2 lacks. Without it, grpc-js answers a request that is not gRPC with 200, as if
 * it had been understood, instead of 415.
 *
 * @module
 */

import http2 from "node:http2";

Object.assign(http2.constants, { HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE: 415 });
