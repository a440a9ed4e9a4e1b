import { MANUAL_DIRECTORY, manualPages } from "../../build/manual.ts";
import { EXIT_STATUS } from "../../lib/config/exit_status.ts";
import { helpText } from "../../lib/config/help_text.ts";
import { assert } from "../assert.ts";

for (const [name, page] of manualPages()) {
  Deno.test(`deploy/man/${name} is what \`deno task docs\` writes`, async () => {
    assert.equal(await Deno.readTextFile(new URL(name, MANUAL_DIRECTORY)), page);
  });
}

Deno.test("The manual pages tell of every subcommand and option", () => {
  const [cli = "", daemon = ""] = [...manualPages().values()].map((page) =>
    page.replaceAll("\\-", "-")
  );
  for (
    const words of ["logs (all|stdout|stderr) <jobId>", "--follow", "--address <addr>", "--user"]
  ) {
    assert.ok(cli.includes(words), words);
  }
  for (const words of ["--data-dir=<dir>", "WORKER_DAEMON_DATA_DIR", "SIGHUP", "--check-config"]) {
    assert.ok(daemon.includes(words), words);
  }
  const [, statuses = ""] = daemon.split(".SH EXIT STATUS");
  for (const status of Object.values(EXIT_STATUS)) {
    assert.match(statuses, new RegExp(`^\\.TP\n(\\\\fB)?${status}\\b`, "m"));
    assert.match(helpText(), new RegExp(`^Exit status:\n(  .*\n)*  ${status} `, "m"));
  }
  // A request begins a line with a dot: no text of ours may be one by chance.
  for (const line of `${cli}\n${daemon}`.split("\n")) {
    if (/^[.']/.test(line)) assert.match(line, /^\.(\\"|TH|SH|PP|TP|nf|fi|RS|RE)/);
  }
});
