/**
 * Server reflection: https://grpc.io/docs/guides/reflection/
 *
 * `@grpc/reflection` 1.0.4 does not work here: its description of our contract names no imports, so that clients
 * reject it, and it reads a `.proto` file of its own, which an executable does not include.
 *
 * @module
 */

import { ERROR_CODES } from "../errors.ts";
import type { DescribedFile, Description } from "./gen/describe.ts";
import description from "./gen/description.json" with { type: "json" };
import type { ServerReflectionRequest, ServerReflectionResponse } from "./gen/reflection.ts";
import type { handleBidiStreamingCall, UntypedServiceImplementation } from "./grpc.ts";
import type { ServerCalls } from "./server_call.ts";
import { write } from "./stream_handler.ts";

/** Answers one request of `ServerReflectionInfo`. */
function reflect(request: ServerReflectionRequest): ServerReflectionResponse {
  const response = { validHost: request.host, originalRequest: request };
  const fail = (errorCode: number, errorMessage: string): ServerReflectionResponse => ({
    ...response,
    messageResponse: "errorResponse",
    errorResponse: { errorCode, errorMessage },
  });
  const tell = (file: DescribedFile | undefined, asked: string): ServerReflectionResponse => {
    if (file === undefined) return fail(ERROR_CODES.not_found.grpc, `Not found: "${asked}"`);
    return {
      ...response,
      messageResponse: "fileDescriptorResponse",
      fileDescriptorResponse: { fileDescriptorProto: [Uint8Array.fromBase64(file.descriptor)] },
    };
  };
  const { services, files }: Description = description;
  switch (request.messageRequest) {
    case "listServices":
      return {
        ...response,
        messageResponse: "listServicesResponse",
        listServicesResponse: { service: services.map((name) => ({ name })) },
      };
    case "fileByFilename":
      return tell(
        files.find(({ name }) => name === request.fileByFilename),
        request.fileByFilename,
      );
    case "fileContainingSymbol":
      return tell(
        files.find(({ symbols }) => symbols.includes(request.fileContainingSymbol)),
        request.fileContainingSymbol,
      );
    default:
      return fail(ERROR_CODES.unimplemented.grpc, "This server has no extensions");
  }
}

/** The handlers of `ServerReflection`, the same for both of its names. */
export function reflectionHandlers(calls: ServerCalls): UntypedServiceImplementation {
  const handle: handleBidiStreamingCall<ServerReflectionRequest, ServerReflectionResponse> =
    async function handleReflection(call) {
      const failure = await calls.run(call, "open_ended", async ({ signal }) => {
        // A plain loop would destroy the stream at its end, and then no status could be sent.
        const requests: AsyncIterable<ServerReflectionRequest> = call.iterator({
          destroyOnReturn: false,
        });
        for await (const request of requests) await write(call, reflect(request), signal);
      });
      if (failure === null) call.end();
      else call.emit("error", failure);
    };
  return { ServerReflectionInfo: handle };
}
