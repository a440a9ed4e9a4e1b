import { parseOptions } from "../../lib/config/parse_options.ts";
import { endedJobs, webhookHosts, webhooks } from "../../lib/config/notify_values.ts";
import { assert } from "../assert.ts";

Deno.test("webhookHosts() takes hosts with their ports, and nothing that is more than a host", () => {
  assert.deepEqual(webhookHosts("b.example:443, A.example,b.example,[2001:db8::1]:8443"), [
    "b.example",
    "a.example",
    "[2001:db8::1]:8443",
  ]);
  assert.deepEqual(webhookHosts(""), []);
  for (const text of ["*", "*.example", "https://a.example", "a.example/x", "u@a.example", "a b"]) {
    assert.throws(() => webhookHosts(text), /^Error: must be hosts, each with its port/, text);
  }
  const many = Array.from({ length: 65 }, (_, at) => `h${at}.example`);
  assert.equal(webhookHosts(many.slice(1).join(",")).length, 64);
  assert.throws(() => webhookHosts(many.join(",")), /at most 64 hosts/);
});

Deno.test("webhooks() takes https URLs, eight at most", () => {
  for (const text of ["http://a.example", "a.example", "https://u:p@a.example/", "https://a/#x"]) {
    assert.throws(() => webhooks(text), /^Error: each must be an https URL/, text);
  }
  const many = Array.from({ length: 9 }, (_, at) => `https://h.example/${at}`);
  assert.equal(webhooks(many.slice(1).join(",")).length, 8);
  assert.throws(() => webhooks(many.join(",")), /at most 8 URLs/);
});

Deno.test("endedJobs() refuses what is no term, and what no job can be", () => {
  assert.deepEqual(endedJobs("label=a=,label=b=x=y"), { labels: { a: "", b: "x=y" } });
  for (
    const text of [
      "failed",
      "status=running",
      "status=failed,status=unknown",
      "label=team",
      "label==x",
      "label=a=1,label=a=2",
      "owner=a,owner=b",
      "owner=",
      "name=x",
    ]
  ) {
    assert.throws(() => endedJobs(text), /^Error: must be status=done, status=failed/, text);
  }
});

Deno.test("Nobody is called by a daemon that forgets everything, nor by a hub", () => {
  const refused = (...args: string[]) => () => parseOptions(args, () => undefined);
  for (const calls of ["--notify=https://a.example/x", "--notify-allow=a.example"]) {
    const [name = ""] = calls.split("=");
    assert.throws(refused("--data-dir=:memory:", calls), (error) => {
      assert.match(
        String(error),
        new RegExp(`${name} and --data-dir :memory: cannot both be given`),
      );
      return true;
    });
    assert.throws(refused("--hub", "--fleet=x", calls), (error) => {
      assert.match(String(error), new RegExp(`${name} and --hub cannot both be given`));
      return true;
    });
  }
});
