import { Ajv2020 } from "ajv/dist/2020.js";
import { openApiDocument } from "../../lib/rest/openapi.ts";
import { checkRequest } from "../../lib/service/requests.ts";
import type { JobService, StartJobRequest, StopJobRequest } from "../../lib/service/job_service.ts";
import { checkCommand } from "../../lib/job/command.ts";
import { checkGracePeriod, checkTimeout, completeExecution } from "../../lib/job/execution.ts";
import { checkLabels } from "../../lib/job/labels.ts";
import { checkLogLimit } from "../../lib/job/log_limit.ts";
import { parseSignal } from "../../lib/job/parse_signal.ts";
import { assert } from "../assert.ts";
import { WHOLE_ANSWERS } from "../service/samples.ts";
import { DONE_JOB, JOB, JOB_ID, TestApp } from "./fixture.ts";

/** As much of JSON Schema as is needed to know where its bounds are. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | false;
  readonly maxProperties?: number;
  readonly items?: Schema;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

interface Described {
  readonly operationId: string;
  readonly parameters: readonly {
    name: string;
    in: string;
    required?: true;
    schema: Schema;
    explode?: true;
  }[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Record<string, { readonly schema: Schema }>;
  };
}

const document = openApiDocument() as unknown as {
  readonly paths: Record<string, Record<string, Described>>;
  readonly components: { readonly schemas: Record<string, Schema> };
};

// Every format has a pattern that says the same.
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema({ $id: "api", ...document });

/** What the document says of the values of a schema. */
function verdictOf(schema: Schema): (value: unknown) => boolean {
  return ajv.compile(schema.$ref === undefined ? schema : { $ref: `api${schema.$ref}` });
}

function resolve({ $ref, ...schema }: Schema): Schema {
  return $ref === undefined
    ? schema
    : document.components.schemas[$ref.replace("#/components/schemas/", "")] ?? {};
}

const TEXTS = [
  ..." |a|a b|-a|a-|A.b_c/d-e|=|=b|a=|a=b|a=b=c|é|😀|a\0b|a\nb|a\x7fb|a\u0085b|/|/x|x/|/\0|/a\n"
    .split("|"),
  ..."022|7777|00000|8|0|1|01|9|31|32|33|34|64|65|100|-1|1.5|1e3|true|false|yes|none".split("|"),
  ..."SIGTERM|INT|SIGNUL|TERMINATE|RTMIN|SIGRTMIN+30|RTMIN+31|RTMAX-30|RTMAX-31|SIGRT".split("|"),
  ..."2026-02-28T00:00:00Z|2026-02-30T00:00:00Z|2024-02-29T00:00:00.5+23:59|2026-02-28".split("|"),
  ..."2026-02-28T24:00:00Z|2016-12-31T23:59:60Z|2026-02-28T10:00:00|2026-02-28T10:00:00+24:00"
    .split("|"),
  ..."30s|0s|300s|301s|5m|6m|1m30s|500ms".split("|"),
  "",
  JOB_ID,
  JOB_ID.toUpperCase(),
  JOB_ID.replace("-774b", "-474b"),
  JOB_ID.replace("-bcce", "-ccce"),
  `${JOB_ID}0`,
  JOB_ID.replaceAll("-", ""),
];

/** Values of every type, and those at and beyond each bound of a schema. */
function candidatesOf(schema: Schema, root: boolean): unknown[] {
  const { minimum, maximum, maxLength, maxItems, maxProperties, enum: words = [] } = schema;
  const candidates: unknown[] = [...TEXTS, ...words, 0, 1, 0.5, -1, 1e300, true, null, [], {}];
  for (const bound of [minimum, maximum]) {
    if (bound !== undefined) {
      candidates.push(bound - 1, bound, bound + 1, bound + 0.5, bound * 1.01);
    }
  }
  if (maxLength !== undefined) {
    for (const length of [maxLength, maxLength + 1]) {
      candidates.push("a".repeat(length));
      if (length < 1000) candidates.push("😀".repeat(length));
    }
  }
  if (schema.type === "array") {
    const one = schema.items?.enum?.[0] ?? "a=b";
    candidates.push([one], [one, one], [1]);
    for (const count of [maxItems ?? 3, (maxItems ?? 3) + 1]) {
      candidates.push(Array.from({ length: count }, (_, index) => `a${index}=b`));
    }
  }
  if (schema.type === "object" && schema.additionalProperties) {
    // Some names cannot be told apart from what JSON itself does with them.
    for (const name of TEXTS) candidates.push({ [name]: "x" });
    for (const count of [maxProperties ?? 3, (maxProperties ?? 3) + 1]) {
      const names = Array.from({ length: count }, (_, index) => [`a${index}`, "b"]);
      candidates.push(Object.fromEntries(names));
    }
  }
  if (schema.type === "object" && schema.properties !== undefined) candidates.push({ unknown: 1 });
  return root ? candidates.filter((value) => value !== "") : candidates;
}

/** A body, and everything that it becomes when one part of it is replaced. */
function* variantsOf(reference: Schema, isRoot = true): Generator<unknown> {
  const schema = resolve(reference);
  yield* candidatesOf(schema, isRoot);
  if (schema.properties === undefined) {
    for (const alternative of schema.anyOf ?? []) yield* variantsOf(alternative, false);
  }
  if (schema.additionalProperties) {
    for (const value of variantsOf(schema.additionalProperties, false)) yield { A: value };
  }
  if (schema.items) { for (const value of variantsOf(schema.items, false)) yield [value]; }
  const properties = Object.entries(schema.properties ?? {});
  const needed = neededOf(schema);
  const least = Object.fromEntries(
    needed.map((name) => [name, leastOf(schema.properties?.[name] ?? {})]),
  );
  for (const [name, property] of properties) {
    for (const value of variantsOf(property, false)) yield { ...least, [name]: value };
  }
  yield least;
  yield { ...least, unknown: "x" };
  for (const name of needed) {
    const { [name]: _, ...rest } = least;
    yield rest;
  }
}

/** What an object must have: of alternatives, the first. */
function neededOf({ required = [], anyOf = [] }: Schema): readonly string[] {
  return [...required, ...anyOf[0]?.required ?? []];
}

function leastOf(reference: Schema): unknown {
  const schema = resolve(reference);
  if (schema.type === "integer") return 0;
  if (schema.pattern?.includes("RTMIN")) return "HUP";
  if (schema.type !== "object") return JOB_ID;
  return Object.fromEntries(
    neededOf(schema).map((name) => [name, leastOf(schema.properties?.[name] ?? {})]),
  );
}

/** All that refuses a value in the real service, and no job. */
const checks: Partial<JobService> = {
  startJob: (request: StartJobRequest) => {
    checkRequest("startJob", request);
    checkCommand(request.command);
    checkLabels(request.labels);
    completeExecution(request.execution ?? {});
    const { bytes } = request.logLimit ?? {};
    if (bytes !== undefined) checkLogLimit({ bytes, policy: "end_job" }, Infinity);
    return Promise.resolve(JOB);
  },
  stopJob: (request: StopJobRequest) => {
    checkRequest("stopJob", request);
    if (request.stopSignal !== "") parseSignal(request.stopSignal);
    if (request.gracePeriodMs !== null) checkGracePeriod(request.gracePeriodMs, "gracePeriodMs");
    return Promise.resolve(DONE_JOB);
  },
  getJob: (request) => {
    checkRequest("getJob", request);
    return Promise.resolve(JOB);
  },
  waitJob: (request) => {
    checkRequest("waitJob", request);
    return Promise.resolve(DONE_JOB);
  },
  signalJob: (request) => {
    checkRequest("signalJob", request);
    parseSignal(request.signal);
    return Promise.resolve(JOB);
  },
  updateJob: (request) => {
    checkRequest("updateJob", request);
    checkTimeout(request.timeoutMs, "timeoutMs");
    return Promise.resolve(JOB);
  },
  writeInput: (request) => {
    checkRequest("writeInput", request);
    return Promise.resolve({ accepted: 0 });
  },
  getLogs: (request) => {
    checkRequest("getLogs", request);
    return Promise.resolve(WHOLE_ANSWERS.getLogs);
  },
  pruneJobs: (request) => {
    checkRequest("pruneJobs", request);
    return Promise.resolve({ jobs: [], count: 0, bytes: 0 });
  },
  listHosts: (request) => {
    checkRequest("listHosts", request);
    return Promise.resolve({ hosts: [] });
  },
  listJobs: (request) => {
    checkRequest("listJobs", request);
    return Promise.resolve({ jobs: [], nextPageToken: "" });
  },
  async *streamLogs(request) {
    checkRequest("streamLogs", request);
    yield await Promise.resolve({ records: [], nextOffset: 0, finishedJob: DONE_JOB });
  },
  async *watchJobs(request) {
    checkRequest("watchJobs", request);
    yield await Promise.resolve(JOB);
  },
  async *streamAudit(request) {
    checkRequest("streamAudit", request);
    yield await Promise.resolve({ records: [], position: "" });
  },
};

/** A few words about a value, which may be long. */
function shown(value: unknown): string {
  return JSON.stringify(value).slice(0, 200);
}

for (const [path, item] of Object.entries(document.paths)) {
  for (const [method, { operationId, parameters, requestBody }] of Object.entries(item)) {
    const url = path.replace("{jobId}", JOB_ID);
    const body = requestBody?.content["application/json"]?.schema;

    if (body !== undefined) {
      Deno.test(`${operationId} accepts the bodies that its document does, to each bound`, async () => {
        const api = new TestApp(checks);
        const isDocumented = verdictOf(body);
        const verdicts = new Set<boolean>();
        for (const value of variantsOf(body)) {
          const response = await api.request(url, {
            method: method.toUpperCase(),
            headers: { "Content-Type": "application/json" },
            body: JSON.stringify(value),
          });
          const text = await response.text();
          const documented = isDocumented(value);
          verdicts.add(documented);
          assert.equal(
            response.status,
            documented ? response.ok && response.status : 400,
            `${shown(value)}: ${text}`,
          );
          assert.doesNotMatch(text, /Invalid input|Unrecognized|Too (big|small)|expected/);
        }
        assert.equal(verdicts.size, 2, "Some are accepted, and some are not");
        assert.deepEqual(api.faults, []);
      });
    }

    const needsBody = body !== undefined && requestBody?.required === true;
    for (const parameter of parameters) {
      Deno.test(`${operationId} accepts the ${parameter.name} that its document does, to each bound`, async () => {
        const api = new TestApp(checks);
        const isDocumented = verdictOf(parameter.schema);
        const verdicts = new Set<boolean>();
        const others = parameters.filter(({ name, required, in: place }) =>
          name !== parameter.name && required && place === "query"
        ).map(({ name, schema }) => `&${name}=${leastOf(schema)}`).join("");
        for (const [value, query] of parameterValues(parameter)) {
          const inPath = parameter.in === "path";
          const target = inPath
            ? `${path.replace("{jobId}", encodeURIComponent(query))}?${others}`
            : `${url}?${query}${others}`;
          const response = await api.request(target, {
            method: method.toUpperCase(),
            ...(needsBody && {
              headers: { "Content-Type": "application/json" },
              body: JSON.stringify(leastOf(body)),
            }),
          });
          const text = await response.text();
          const documented = isDocumented(value);
          verdicts.add(documented);
          const refusal = inPath ? 404 : 400;
          assert.equal(
            response.status,
            documented ? response.ok && response.status : refusal,
            `${target.slice(0, 200)}: ${text}`,
          );
          assert.doesNotMatch(text, /Invalid input|Unrecognized|Too (big|small)|expected/);
        }
        assert.equal(verdicts.size, 2, "Some are accepted, and some are not");
      });
    }
  }
}

/** Values of a parameter, each with what it is in a URL. */
function* parameterValues(
  { name, in: place, schema, explode }: Described["parameters"][number],
): Generator<[unknown, string]> {
  if (place === "path") {
    // These characters would make other paths.
    for (const text of TEXTS) if (!/^\.?\.?$|\//.test(text)) yield [text, text];
    return;
  }
  if (explode) {
    const members = Object.keys(schema.properties ?? {});
    const values: Record<string, string> = {
      offset: "1",
      tail: "1",
      since: "2026-02-28T00:00:00Z",
    };
    for (const one of members) {
      for (const other of members) {
        const pairs = { [one]: values[one] ?? "", [other]: values[other] ?? "" };
        const read = Object.entries(pairs).map((
          [key, text],
        ) => [key, typed(schema.properties?.[key], text)]);
        yield [Object.fromEntries(read), `${new URLSearchParams(pairs)}`];
      }
      for (const value of candidatesOf(schema.properties?.[one] ?? {}, false)) {
        if (Object(value) === value || value === null) continue;
        const text = String(value);
        yield [
          { [one]: typed(schema.properties?.[one], text) },
          `${new URLSearchParams({ [one]: text })}`,
        ];
      }
    }
    return;
  }
  const isList = schema.type === "array";
  const values = isList ? variantsOf(schema, false) : candidatesOf(schema, false);
  for (const value of values) {
    // There are only texts in a URL, and no list without an entry.
    const texts = Array.isArray(value) ? value : [value];
    if (texts.length === 0 || texts.some((text) => Object(text) === text || text === null)) {
      continue;
    }
    if (!isList && Array.isArray(value)) continue;
    const entries = texts.map(String);
    const query = new URLSearchParams(entries.map((text) => [name, text]));
    yield [isList ? entries : typed(schema, entries[0] ?? ""), `${query}`];
  }
}

/** A text as what the schema wants it to be, if it is that. */
function typed(schema: Schema | undefined, text: string): unknown {
  return schema?.type === "integer" && /^\d+$/.test(text) ? Number(text) : text;
}
