/**
 * A constant that Deno's HTTP/2 has left out. With `undefined` in its place grpc-js answers a request
 * that is no gRPC with 200, as if it had been understood, and not with 415.
 *
 * @module
 */

import http2 from "node:http2";

Object.assign(http2.constants, { HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE: 415 });
