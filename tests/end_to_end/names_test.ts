import { assert } from "../assert.ts";
import { sharedDaemon } from "./daemon.ts";

const daemon = await sharedDaemon();

Deno.test("A job is found by its name, by the end of its id and as one's last, and is started again", async () => {
  const script = "echo $TOKEN; sleep 1000";
  const start = ["start", "--name=names.e2e", "--env=TOKEN=secret", "--", "sh", "-c", script];
  const first = (await daemon.cli(start)).stdout.trim();
  const taken = await daemon.cli(start);
  assert.equal(taken.code, 125);
  assert.match(
    taken.stderr,
    new RegExp(`"names.e2e": job "${first}" has that name, and is running`),
  );
  const [named, end, last] = await Promise.all(
    ["names.e2e", first.slice(-12), "-"].map((typed) => daemon.cli(["status", "--json", typed])),
  );
  for (const found of [named, end, last]) {
    assert.equal(JSON.parse(found?.stdout ?? "").jobId, first);
  }

  const again = await daemon.cli(["restart", "names.e2e", "--stop"]);
  assert.equal(again.code, 0, again.stderr);
  const second = again.stdout.trim();
  assert.notEqual(second, first);
  const stop = await daemon.cli(["stop", "--json", "names.e2e"]);
  const { jobId, name, command } = JSON.parse(stop.stdout);
  assert.deepEqual([jobId, name, command.env], [second, "names.e2e", { TOKEN: "secret" }]);
  assert.deepEqual(command.args, ["-c", script]);
});
