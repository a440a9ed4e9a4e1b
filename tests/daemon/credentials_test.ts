import { setPassword } from "../../lib/auth/password_file_edit.ts";
import { loadPasswordFile } from "../../lib/auth/password_file.ts";
import {
  credentialsSchema,
  MAX_CREDENTIALS_CHARACTERS,
  readCredentials,
  tlsMaterialOf,
} from "../../lib/daemon/credentials.ts";
import {
  commandSchema,
  decodeLines,
  encodeLine,
  MAX_COMMAND_CHARACTERS,
} from "../../lib/daemon/gateway_protocol.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { ANYWHERE, GATEWAY_OPTIONS } from "./gateway_keeper_fixture.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

const FILES = {
  ...certificates.paths("server"),
  denyList: `${certificates.directory}/denied`,
  restAddress: ANYWHERE,
  users: `${certificates.directory}/users`,
};
await Deno.writeTextFile(FILES.denyList, "0A:0B # stolen\n", { mode: 0o600 });

Deno.test("What the files say reaches a gateway over its pipe, and is the same there", async () => {
  assert.equal((await readCredentials(FILES)).users, null, "There is no such file yet");
  await setPassword(FILES.users, "alice", { password: "correct horse", roles: ["admin"] });
  const read = await readCredentials(FILES);
  const told = encodeLine({
    kind: "serve",
    options: { ...GATEWAY_OPTIONS, credentials: read, exclusive: true, slowness: 1 },
  });
  const [command] = await Array.fromAsync(
    decodeLines(ReadableStream.from([told]), commandSchema, MAX_COMMAND_CHARACTERS),
  );
  assert.ok(command?.kind === "serve");
  const { credentials } = command.options;
  const { trustedCas, ...material } = tlsMaterialOf(credentials);
  const { trustedCas: cas, ...expected } = await certificates.material("server");
  assert.deepEqual(material, expected);
  assert.deepEqual(trustedCas.map(String), cas.map(String));
  assert.deepEqual(credentials.denyList, ["a0b"]);
  assert.deepEqual(credentials.users, [...(await loadPasswordFile(FILES.users))?.values() ?? []]);
  assert.deepEqual((await readCredentials({ ...FILES, restAddress: null })).users, null);
});

Deno.test("A deny list is refused that is too long to be told to a gateway", async () => {
  const denied = (count: number) =>
    Array.from({ length: count }, (_, index) => index.toString(16).padStart(64, "0")).join("\n");
  // With quotes and a comma, which JSON adds.
  const most = Math.floor(MAX_CREDENTIALS_CHARACTERS / 67);
  const path = `${certificates.directory}/long`;
  await Deno.writeTextFile(path, denied(most + 1), { mode: 0o600 });
  await assert.rejects(readCredentials({ ...FILES, denyList: path }), {
    code: "failed_precondition",
    message: /the deny list .* together they are 16MiB, and at most 16MiB are possible; remove/,
  });
  await Deno.writeTextFile(path, denied(most - 1_000), { mode: 0o600 });
  const credentials = await readCredentials({ ...FILES, denyList: path });
  assert.equal(credentialsSchema.parse(credentials).denyList.length, most - 1_000);
});
