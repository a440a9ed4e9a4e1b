import { ERROR_CODES } from "../../lib/errors.ts";
import { JOB_REASONS, JOB_STATUSES, LOG_STREAMS } from "../../lib/job/types.ts";
import { METRIC_NAMES, type MetricName, METRICS } from "../../lib/metrics/catalogue.ts";
import { CALL_RESULTS } from "../../lib/notify/deliveries.ts";
import { JOB_METHODS } from "../../lib/service/methods.ts";
import { MONITORING_PAGE, withMetricTable } from "../../build/metrics.ts";
import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";

const RULES = "deploy/prometheus/job_worker.rules.yml";
const DASHBOARD = "deploy/grafana/job_worker.json";

/** Labels that Prometheus adds by itself, and that of a bucket. */
const ADDED = ["instance", "job", "le"];

/** What labels say, where that is a closed set. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  status: JOB_STATUSES,
  reason: JOB_REASONS,
  method: JOB_METHODS,
  code: ["ok", ...Object.keys(ERROR_CODES)],
  stream: LOG_STREAMS,
  api: ["grpc", "rest"],
  state: ["online", "offline"],
  result: CALL_RESULTS,
  role: ["gateway", "executor", "agent", "exporter", "notifier"],
};

/** A metric in an expression, with its labels, and those of what groups it. */
const USE = /(?:by \(([^)]*)\) \((?:rate\()?)?\b(job_worker_\w+)(?:\{([^}]*)\})?/g;

/** What is wrong with an expression of PromQL: metrics, labels and values that nobody serves. */
function faultsOf(expression: string): string[] {
  return Array.from(expression.matchAll(USE)).flatMap(([, by = "", used = "", set = ""]) => {
    const name = METRIC_NAMES.find((name) =>
      used === name ||
      METRICS[name].type === "histogram" && used.replace(/_(bucket|sum|count)$/, "") === name
    );
    if (name === undefined) return [`no metric ${used}`];
    const matchers = [...set.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)];
    const grouped = by.split(/, */).filter((label) => label !== "");
    return [
      ...[...grouped, ...matchers.map(([, label = ""]) => label)]
        .filter((label) => !labelsOf(name).includes(label))
        .map((label) => `${used} has no label ${label}`),
      ...matchers.flatMap(([, label = "", , text = ""]) => {
        const values = VALUES[label];
        const wrong = values && text.split("|").filter((value) => !values.includes(value));
        return wrong?.map((value) => `${label} is never ${value}`) ?? [];
      }),
    ];
  });
}

function labelsOf(name: MetricName): readonly string[] {
  return [...METRICS[name].labels, ...ADDED];
}

/** The expressions of the alert rules, each on a line of its own or below it. */
function ruleExpressions(text: string): string[] {
  return Array.from(
    text.matchAll(/^ +expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)/gm),
    ([, folded, plain]) => (folded ?? plain ?? "").trim(),
  );
}

Deno.test("docs/monitoring.md shows every metric that is served: `deno task docs`", async () => {
  const page = await Deno.readTextFile(MONITORING_PAGE);
  assert.equal(page, withMetricTable(page));
  assert.throws(() => withMetricTable("# Monitoring\n"), /no place for the table/);
});

Deno.test("Alert rules ask for what is served, and docs/monitoring.md says what each means", async () => {
  const [text, page] = await Promise.all([
    Deno.readTextFile(ROOT + RULES),
    Deno.readTextFile(MONITORING_PAGE),
  ]);
  const names = Array.from(text.matchAll(/^ +- alert: (\w+)$/gm), ([, name = ""]) => name);
  const expressions = ruleExpressions(text);
  assert.ok(names.length > 5);
  assert.equal(expressions.length, names.length);
  assert.deepEqual(expressions.flatMap(faultsOf), []);
  for (const expression of expressions.slice(1)) assert.match(expression, /job_worker_/);
  for (const name of names) assert.ok(page.includes(`\`${name}\``), name);
  assert.deepEqual(names, [...new Set(names)]);
  // A text shows labels that the expression still has.
  for (const [, label = ""] of text.matchAll(/\$labels\.(\w+)/g)) {
    assert.ok([...ADDED, ...METRIC_NAMES.flatMap((name) => METRICS[name].labels)].includes(label));
  }
});

Deno.test("The dashboard asks for what is served, and shows every metric", async () => {
  const dashboard = JSON.parse(await Deno.readTextFile(ROOT + DASHBOARD));
  const expressions: string[] = dashboard.panels.flatMap((
    { targets }: { targets: { expr: string }[] },
  ) => targets.map(({ expr }) => expr));
  assert.deepEqual(expressions.flatMap(faultsOf), []);
  const all = expressions.join("\n");
  assert.deepEqual(
    METRIC_NAMES.filter((name) => !new RegExp(`\\b${name}(_bucket)?\\{`).test(all)),
    [],
  );
  const ids = dashboard.panels.map(({ id }: { id: number }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const queries = dashboard.templating.list.map(({ definition = "" }) => definition).join(" ");
  assert.deepEqual(faultsOf(queries), []);
});

Deno.test("An expression that asks for what nobody serves is seen", () => {
  assert.deepEqual(faultsOf('rate(job_worker_nothing_total{a="b"}[5m])'), [
    "no metric job_worker_nothing_total",
  ]);
  assert.deepEqual(faultsOf('job_worker_jobs{state="queued"}'), [
    "job_worker_jobs has no label state",
    "state is never queued",
  ]);
  assert.deepEqual(faultsOf('job_worker_jobs{status=~"queued|gone", instance="x"}'), [
    "status is never gone",
  ]);
  assert.deepEqual(
    faultsOf("sum by (le, process) (rate(job_worker_queue_wait_seconds_bucket[5m]))"),
    [
      "job_worker_queue_wait_seconds_bucket has no label process",
    ],
  );
  assert.deepEqual(faultsOf("job_worker_jobs_count"), ["no metric job_worker_jobs_count"]);
  assert.deepEqual(faultsOf("job_worker_queue_wait_seconds_count > 0"), []);
});
