import { fileURLToPath } from "node:url";
import { assert } from "../assert.ts";
import { processesOf } from "../end_to_end/process.ts";
import { temporaryDirectory } from "./fixture.ts";

const PROGRAM = fileURLToPath(import.meta.resolve("./few_descriptors.ts"));

Deno.test("A worker that is out of descriptors refuses starts, leaves nothing, and works on", async () => {
  await using directory = await temporaryDirectory();
  const script = 'ulimit -n 90 && exec "$@"';
  const { stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", script, "sh", Deno.execPath(), "run", "--quiet", "-A", PROGRAM, directory.path],
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.equal(decode(stderr), "");
  const { started, refused, listed, last } = JSON.parse(decode(stdout));
  assert.deepEqual(refused, ["resource_exhausted EMFILE"]);
  assert.ok(started.length > 0 && started.length < 60);
  assert.equal(listed, started.length, "A start that was refused has left its record");
  assert.deepEqual(last, { code: 0 });
  assert.deepEqual(await processesOf(started), []);
});
