import { assert } from "../assert.ts";
import { usageErrorOf, verbOf } from "./parsing.ts";

Deno.test("parse() reads the options of start and run", () => {
  const words = "--env A=1 --env B= --env=C=x=y --cwd /tmp --label k=v --request-id r -- ls";
  for (const kind of ["start", "run"] as const) {
    assert.deepEqual(verbOf(kind, ...words.split(" ")), {
      kind,
      job: {
        command: {
          name: "ls",
          args: [],
          env: { A: "1", B: "", C: "x=y" },
          workingDirectory: "/tmp",
        },
        labels: { k: "v" },
        requestId: "r",
      },
    });
  }
  const verb = verbOf("start", "--env", "__proto__=x", "--", "ls");
  assert.deepEqual(verb.kind === "start" && Object.entries(verb.job.command.env), [
    ["__proto__", "x"],
  ]);
  assert.match(usageErrorOf(["start", "--env", "A", "--", "ls"]), /"A" is not NAME=VALUE/);
  assert.match(usageErrorOf(["start", "--env", "=1", "--", "ls"]), /"=1" is not NAME=VALUE/);
  assert.match(
    usageErrorOf(["run", "--label", "a=1", "--label", "a=2", "--", "ls"]),
    /"a" is given twice/,
  );
});

Deno.test("parse() reads the options of stop, logs, list and certs", () => {
  assert.deepEqual(verbOf("stop", "0199", "--signal", "int", "--grace", "1m30s"), {
    kind: "stop",
    jobId: "0199",
    stopSignal: "int",
    gracePeriodMs: 90_000,
  });
  const logs = { kind: "logs", jobId: "0199", streams: [] };
  assert.deepEqual(verbOf("logs", "-ft", "all", "0199", "--tail=0"), {
    ...logs,
    follow: true,
    timestamps: true,
    start: { kind: "tail", lines: 0 },
  });
  assert.deepEqual(verbOf("logs", "all", "0199", "--since", "10m", "--timestamps"), {
    ...logs,
    follow: false,
    timestamps: true,
    start: { kind: "ago", ms: 600_000 },
  });
  assert.deepEqual(verbOf("logs", "all", "0199", "--since", "2026-07-31T11:30:00+02:00", "-f"), {
    ...logs,
    follow: true,
    timestamps: false,
    start: { kind: "since", time: 1_785_490_200_000 },
  });
  assert.deepEqual(
    verbOf("list", "done", "--owner", "al", "--label", "a=1", "--label", "b=2", "--limit", "7"),
    {
      kind: "list",
      status: "done",
      owner: "al",
      labels: { a: "1", b: "2" },
      limit: 7,
      watch: false,
    },
  );
  assert.deepEqual(verbOf("list", "-l", "a=1", "-n", "all", "-o", "ID, exit", "-w"), {
    kind: "list",
    status: "all",
    owner: "",
    labels: { a: "1" },
    limit: Infinity,
    form: ["id", "exit"],
    watch: true,
  });
  for (const form of ["wide", "json"]) {
    const verb = { kind: "list", status: "all", owner: "", labels: {}, form, watch: false };
    assert.deepEqual(verbOf("list", "--output", form), verb);
  }
  assert.deepEqual(verbOf("certs", "--dir", "d", "--force", "--host", "a", "--host", "10.0.0.1"), {
    kind: "certs",
    action: "make",
    directory: "d",
    force: true,
    hosts: ["a", "10.0.0.1"],
  });
});

Deno.test("parse() reads what certs is to do with one certificate", () => {
  const usual = { kind: "certs", directory: "certs", caKey: "", denyList: "" };
  assert.deepEqual(verbOf("certs", "add", "alice", "--role", "operator"), {
    ...usual,
    action: "add",
    user: "alice",
    roles: ["operator"],
    days: 365,
  });
  const words =
    "add al --role viewer,admin --role viewer --days 7 --ca-key k --dir d --deny-list l";
  assert.deepEqual(verbOf("certs", ...words.split(" ")), {
    kind: "certs",
    action: "add",
    directory: "d",
    caKey: "k",
    denyList: "l",
    user: "al",
    roles: ["viewer", "admin"],
    days: 7,
  });
  const renew = { ...usual, action: "renew", days: 365, hosts: [] };
  assert.deepEqual(verbOf("certs", "renew"), { ...renew, name: "all" });
  assert.deepEqual(verbOf("certs", "renew", "server", "--host", "h", "--days", "3650"), {
    ...renew,
    name: "server",
    hosts: ["h"],
    days: 3650,
  });
  assert.deepEqual(verbOf("certs", "list"), { ...usual, action: "list" });
  assert.deepEqual(verbOf("certs", "revoke", "al"), { ...usual, action: "revoke", user: "al" });
});
