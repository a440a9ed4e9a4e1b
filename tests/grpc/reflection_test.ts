import descriptor from "protobufjs/ext/descriptor/index.js";
import { assert } from "../assert.ts";
import { Channel } from "../../lib/grpc/channel.ts";
import { endpointOf } from "../../lib/grpc/endpoint.ts";
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from "../../lib/grpc/gen/reflection.ts";
import { Metadata } from "../../lib/grpc/grpc.ts";
import { JOB_WORKER, REFLECTION, REFLECTION_V1ALPHA } from "../../lib/grpc/protocol.ts";
import { TestServer } from "./fixture.ts";

type Reflection = typeof REFLECTION | typeof REFLECTION_V1ALPHA;

/** Asks all at once, half-closes, and reads to the end, as grpcurl does. */
async function ask(
  server: TestServer,
  reflection: Reflection,
  requests: ServerReflectionRequest[],
): Promise<ServerReflectionResponse[]> {
  const endpoint = endpointOf(
    `localhost:${server.port}`,
    await server.certificates.material("client"),
  );
  using channel = new Channel(endpoint, { connectTimeoutMs: 5000 });
  const { path, requestSerialize, responseDeserialize } = reflection.ServerReflectionInfo;
  const call = channel.client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    new Metadata(),
  );
  for (const request of requests) call.write(request);
  call.end();
  return await Array.fromAsync(call as AsyncIterable<ServerReflectionResponse>);
}

function filesIn(
  response: ServerReflectionResponse | undefined,
): descriptor.IFileDescriptorProto[] {
  assert.ok(response?.messageResponse === "fileDescriptorResponse");
  return response.fileDescriptorResponse.fileDescriptorProto.map((bytes) =>
    descriptor.FileDescriptorProto.toObject(descriptor.FileDescriptorProto.decode(bytes))
  );
}

for (const [name, reflection] of Object.entries({ v1: REFLECTION, v1alpha: REFLECTION_V1ALPHA })) {
  Deno.test(`ServerReflection ${name} lists the services and describes them`, async () => {
    await using server = await TestServer.start({});
    const host = "";
    const [list, service, imported, message, missing, extension] = await ask(server, reflection, [
      { host, messageRequest: "listServices", listServices: "*" },
      {
        host,
        messageRequest: "fileContainingSymbol",
        fileContainingSymbol: "jobworker.v1.JobWorker",
      },
      { host, messageRequest: "fileByFilename", fileByFilename: "google_protobuf.proto" },
      {
        host,
        messageRequest: "fileContainingSymbol",
        fileContainingSymbol: "jobworker.v1.Job.job_id",
      },
      { host, messageRequest: "fileContainingSymbol", fileContainingSymbol: "no.Such" },
      { host, messageRequest: "allExtensionNumbersOfType", allExtensionNumbersOfType: "x" },
    ]);

    assert.ok(list?.messageResponse === "listServicesResponse");
    assert.deepEqual(list.listServicesResponse.service.map(({ name }) => name).sort(), [
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "jobworker.v1.JobWorker",
    ]);

    const [file] = filesIn(service);
    const methods = file?.service?.flatMap(({ method = [] }) => method.map(({ name }) => name));
    assert.deepEqual(methods, Object.keys(JOB_WORKER));
    const imports = filesIn(imported).flatMap(({ messageType = [] }) => messageType);
    assert.deepEqual(imports.map(({ name }) => name), ["Timestamp", "Duration"]);
    assert.deepEqual(filesIn(message), filesIn(service));

    assert.ok(missing?.messageResponse === "errorResponse");
    assert.deepEqual(missing.errorResponse, {
      errorCode: 5,
      errorMessage: 'Not found: "no.Such"',
    });
    assert.ok(extension?.messageResponse === "errorResponse");
    assert.equal(extension.errorResponse.errorCode, 12);
  });
}

Deno.test("ServerReflection describes messages as protoc would", async () => {
  await using server = await TestServer.start({});
  const [response] = await ask(server, REFLECTION, [{
    host: "worker.test",
    messageRequest: "fileContainingSymbol",
    fileContainingSymbol: "jobworker.v1.Command",
  }]);
  assert.equal(response?.validHost, "worker.test");
  const [file] = filesIn(response);
  assert.deepEqual(file?.dependency, ["google_protobuf.proto"]);
  const command = file.messageType?.find(({ name }) => name === "Command");
  assert.deepEqual(command?.nestedType?.map(({ name }) => name), ["EnvEntry"]);
  const fields = command?.field?.map(({ name, jsonName, typeName }) => [name, jsonName, typeName]);
  assert.deepEqual(fields, [
    ["name", "name", undefined],
    ["args", "args", undefined],
    ["env", "env", "EnvEntry"],
    ["working_directory", "workingDirectory", undefined],
  ]);
});
