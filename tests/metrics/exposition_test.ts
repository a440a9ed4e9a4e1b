import { METRIC_NAMES, METRICS } from "../../lib/metrics/catalogue.ts";
import { Exposition } from "../../lib/metrics/exposition.ts";
import { Histogram } from "../../lib/metrics/histogram.ts";
import { Tally } from "../../lib/metrics/tally.ts";
import { assert } from "../assert.ts";
import { parseExposition, valueOf } from "./exposition_text.ts";

Deno.test("Exposition.text() says what each metric is, and each of its values", () => {
  const exposition = new Exposition("host");
  exposition.add("job_worker_jobs", { status: "running" }, 3);
  exposition.add("job_worker_jobs_limit", { status: "queued" }, Infinity);
  const strange = { version: 'a"b', build: "c\\d", deno: "e\nf" };
  exposition.add("job_worker_build_info", strange, 1);
  exposition.add("job_worker_jobs", { status: "queued" }, 0.5);
  const text = exposition.text();
  assert.ok(
    text.includes('job_worker_build_info{version="a\\"b",build="c\\\\d",deno="e\\nf"} 1\n'),
  );
  assert.ok(text.includes('job_worker_jobs_limit{status="queued"} +Inf\n'));
  const families = parseExposition(text);
  assert.deepEqual(families.get("job_worker_jobs"), {
    type: "gauge",
    help: METRICS.job_worker_jobs.help,
    samples: [
      { name: "job_worker_jobs", labels: { status: "running" }, value: 3 },
      { name: "job_worker_jobs", labels: { status: "queued" }, value: 0.5 },
    ],
  });
  assert.deepEqual(families.get("job_worker_build_info")?.samples[0]?.labels, strange);
});

Deno.test("Exposition.addHistogram() adds up the buckets of each set of labels", () => {
  const seconds = new Histogram([0.1, 1]);
  for (const value of [0.1, 0.0625, 0.5, 2, 2]) seconds.observe(value);
  const exposition = new Exposition("host");
  for (const process of ["engine", "executor-0"]) {
    exposition.addHistogram("job_worker_flush_duration_seconds", { process }, seconds.state);
  }
  const families = parseExposition(exposition.text());
  const name = "job_worker_flush_duration_seconds";
  const counts = ["0.1", "1", "+Inf"].map((le) =>
    valueOf(families, `${name}_bucket`, { process: "engine", le })
  );
  assert.deepEqual(counts, [2, 3, 5]);
  assert.equal(valueOf(families, `${name}_count`, { process: "executor-0" }), 5);
  assert.equal(valueOf(families, `${name}_sum`, { process: "executor-0" }), 4.6625);
});

Deno.test("Exposition has the metrics of a host or those of a hub, and takes no others", () => {
  for (const by of ["host", "hub"] as const) {
    const expected = METRIC_NAMES.filter((name) =>
      (METRICS[name].by as readonly string[]).includes(by)
    );
    assert.deepEqual([...parseExposition(new Exposition(by).text()).keys()], expected);
  }
  assert.throws(
    () => new Exposition("host").add("job_worker_fleet_hosts", { state: "online" }, 1),
    /^TypeError: Cannot add job_worker_fleet_hosts: no host serves it$/,
  );
});

Deno.test("Every metric has a name and a help as Prometheus asks for", () => {
  for (const name of METRIC_NAMES) {
    const { type, help, labels } = METRICS[name];
    assert.match(name, /^job_worker_[a-z_]+$/);
    assert.equal(name.endsWith("_total"), type === "counter", name);
    assert.doesNotMatch(name, /_(ms|millis|kb|mb|minutes)\b/, "Units are base units");
    assert.match(help, /^[A-Z][^\n\\]+[^.]$/);
    for (const label of labels) assert.match(label, /^[a-z]+$/);
  }
});

Deno.test("A Tally knows every key that it has counted, also if it is over", () => {
  const tally = new Tally<string>();
  tally.add("a");
  tally.add("a", 2);
  tally.add("b");
  tally.add("b", -1);
  assert.deepEqual([...tally.entries()], [["a", 3], ["b", 0]]);
  assert.deepEqual([tally.of("a"), tally.of("c")], [3, 0]);
});

Deno.test("parseExposition() takes nothing that Prometheus might misunderstand", () => {
  const head = "# HELP a_total Words\n# TYPE a_total counter\n";
  const wrong = [
    "a_total 1",
    "a_total 1\n",
    "# TYPE a_total counter\n# HELP a_total Words\n",
    `${head}b_total 1\n`,
    `${head}a_total 1\na_total 2\n`,
    `${head}a_total{a="1"} 1\na_total{b="1"} 2\n`,
    `${head}a_total{a="1",a="2"} 1\n`,
    `${head}a_total{a="1} 1\n`,
    `${head}a_total{a=1} 1\n`,
    `${head}a_total -1\n`,
    `${head}a_total NaN\n`,
    `${head}a_total\n`,
    `${head}a_total 1\n${head}`,
    "# HELP a Words\n# TYPE a counter\na 1\n",
    "# HELP a_total Words\n# TYPE a_total gauge\na_total 1\n",
    '# HELP a Words\n# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n',
    '# HELP a Words\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
    '# HELP a Words\n# TYPE a histogram\na_bucket{le="+Inf"} 1\na_sum 1\na_count 2\n',
  ];
  for (const text of wrong) assert.throws(() => parseExposition(text), text);
  assert.equal(valueOf(parseExposition(`${head}a_total{a="1"} 7\n`), "a_total", { a: "1" }), 7);
});
