import { fc } from "../random.ts";
import { ERROR_CODES, JobWorkerError } from "../../lib/errors.ts";
import { openApiDocument } from "../../lib/rest/openapi.ts";
import { type Operation, OPERATIONS } from "../../lib/rest/operations.ts";
import { BYTES_TYPE } from "../../lib/rest/request.ts";
import * as schemas from "../../lib/rest/schemas.ts";
import type { JobService } from "../../lib/service/job_service.ts";
import type { JobMethod } from "../../lib/service/methods.ts";
import { checkRequest } from "../../lib/service/requests.ts";
import { assert } from "../assert.ts";
import { WHOLE_ANSWERS } from "../service/samples.ts";
import { batchOf, DONE_JOB, JOB, JOB_ID, recordOf, TestApp } from "./fixture.ts";

/** As much of JSON Schema as our document uses. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | false;
  readonly items?: Schema;
  readonly format?: string;
  readonly pattern?: string;
}

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly required?: true;
  readonly schema: Schema;
}

interface Described {
  readonly operationId: keyof typeof OPERATIONS;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema?: Schema }> };
  readonly responses: Record<string, { readonly content: Record<string, { schema?: Schema }> }>;
}

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Described>>;
  readonly components: { readonly schemas: Record<string, Schema> };
}

const document = openApiDocument() as unknown as Document;

function resolve({ $ref, ...schema }: Schema): Schema {
  if ($ref === undefined) return schema;
  const found = document.components.schemas[$ref.replace("#/components/schemas/", "")];
  assert.ok(found, $ref);
  return found;
}

/** What the document allows, and now and then what it does not. */
function valuesOf(reference: Schema): fc.Arbitrary<unknown> {
  const schema = resolve(reference);
  return fc.oneof(
    { arbitrary: fc.jsonValue(), weight: 1 },
    { arbitrary: allowedBy(schema), weight: 12 },
  );
}

function allowedBy(schema: Schema): fc.Arbitrary<unknown> {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("__proto__", "\0", "../..", "30s", "HUP"),
  );
  if (schema.anyOf !== undefined && schema.properties === undefined) {
    return fc.oneof(...schema.anyOf.map(valuesOf));
  }
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  switch (schema.type) {
    case "string":
      if (schema.format === "uuid") return fc.oneof(fc.constant(JOB_ID), text);
      if (schema.format === "date-time") {
        return fc.oneof(fc.date({ noInvalidDate: true }).map((date) => date.toISOString()), text);
      }
      return fc.oneof(text, text.map((value) => `a=${value}`));
    case "integer":
      return fc.oneof(fc.nat(), fc.integer(), fc.maxSafeInteger());
    case "number":
      return fc.double();
    case "boolean":
      return fc.boolean();
    case "array":
      return fc.array(valuesOf(schema.items ?? {}), { maxLength: 4 });
    case "object": {
      if (schema.additionalProperties) {
        return fc.dictionary(text, valuesOf(schema.additionalProperties));
      }
      const members = Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, member]) => [name, valuesOf(member)]),
      );
      const requiredKeys = [...schema.required ?? []];
      const required = Object.entries(members).filter(([name]) => requiredKeys.includes(name));
      // With many members one is nearly always wrong, so often only the required ones are there.
      return fc.oneof(
        fc.record(members, { requiredKeys }),
        fc.record(Object.fromEntries(required)),
      );
    }
    default:
      return fc.jsonValue();
  }
}

/** The least that the document allows: a request that goes well, whatever chance makes of the others. */
function leastOf(reference: Schema): unknown {
  const schema = resolve(reference);
  if (schema.enum !== undefined) return schema.enum[0];
  switch (schema.type) {
    case "string":
      return schema.format === "uuid" ? JOB_ID : "HUP";
    case "integer":
      return 1;
    case "array":
      return [];
    case "object": {
      const { required = [], properties = {} } = schema;
      return Object.fromEntries(required.map((name) => [name, leastOf(properties[name] ?? {})]));
    }
    default:
      throw new Error(`A required value of another type: ${JSON.stringify(schema)}`);
  }
}

/** @see leastOf */
function leastParametersOf(described: Described, place: Parameter["in"]): [string, string][] {
  return described.parameters
    .filter((parameter) => parameter.in === place && (place === "path" || parameter.required))
    .map(({ name, schema }) => [name, String(leastOf(schema))]);
}

function parametersOf(
  described: Described,
  place: Parameter["in"],
): fc.Arbitrary<[string, string][]> {
  const each = described.parameters.filter((parameter) => parameter.in === place).map(
    ({ name, required, schema }) => {
      const values = valuesOf(schema).map((value) => (Array.isArray(value) ? value : [value]));
      const pairs = values.map((list) =>
        list.map((
          value,
        ): [string, string] => [name, typeof value === "string" ? value : JSON.stringify(value)])
      );
      return place === "path" || required
        ? pairs
        : fc.oneof({ arbitrary: fc.constant([]), weight: 3 }, pairs);
    },
  );
  return fc.tuple(...each).map((lists) => lists.flat());
}

/** A service that checks requests as the real one does, and then says that all is well. */
function obligingService(): Partial<JobService> {
  const answer = <T>(method: JobMethod, value: T) => (request: object) => {
    checkRequest(method, request);
    // As it would be by the time that an engine in another process sees it, but for bytes, which are apart.
    const bytes = "data" in request && { data: request.data };
    checkRequest(method, { ...JSON.parse(JSON.stringify(request)), ...bytes });
    return value;
  };
  const reply = <T>(method: JobMethod, value: T) => async (request: object): Promise<T> =>
    await Promise.resolve(answer(method, value)(request));
  return {
    startJob: reply("startJob", JOB),
    stopJob: reply("stopJob", DONE_JOB),
    getJob: reply("getJob", JOB),
    waitJob: reply("waitJob", DONE_JOB),
    signalJob: reply("signalJob", JOB),
    updateJob: reply("updateJob", JOB),
    writeInput: reply("writeInput", WHOLE_ANSWERS.writeInput),
    getLogs: reply("getLogs", WHOLE_ANSWERS.getLogs),
    pruneJobs: reply("pruneJobs", WHOLE_ANSWERS.pruneJobs),
    listHosts: reply("listHosts", WHOLE_ANSWERS.listHosts),
    listJobs: reply("listJobs", { jobs: [JOB, DONE_JOB], nextPageToken: "" }),
    async *streamLogs(request) {
      const record = recordOf(0, [0xff, 0x0a], "stderr");
      yield await Promise.resolve(answer("streamLogs", batchOf([record]))(request));
      yield batchOf([], DONE_JOB);
    },
    async *watchJobs(request) {
      yield await Promise.resolve(answer("watchJobs", JOB)(request));
      yield DONE_JOB;
    },
    async *streamAudit(request) {
      const { streamAudit: [batch] } = WHOLE_ANSWERS;
      yield await Promise.resolve(answer("streamAudit", { records: [], position: "" })(request));
      yield batch;
    },
  };
}

const described = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation }))
);

Deno.test("The document describes every operation, and every reference in it leads somewhere", () => {
  assert.equal(document.openapi, "3.1.0");
  assert.deepEqual(
    described.map(({ operation }) => operation.operationId).toSorted(),
    Object.keys(OPERATIONS).toSorted(),
  );
  for (const { operation } of described) {
    const statuses = Object.keys(operation.responses).map(Number);
    assert.ok(statuses.some((status) => status < 300));
    const open = "open" in OPERATIONS[operation.operationId];
    assert.equal(statuses.includes(401), !open);
  }
  const text = JSON.stringify(document);
  const references = text.matchAll(/"\$ref":"([^"]+)"/g);
  for (const [, $ref] of references) resolve({ $ref: $ref ?? "" });
  assert.doesNotMatch(text, /"\$id"|"\$schema"/);
});

Deno.test("/openapi.json is that document, for everybody", async () => {
  const response = await new TestApp().app.request("/openapi.json");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.deepEqual(await response.json(), JSON.parse(JSON.stringify(document)));
});

for (const { path, method, operation } of described) {
  const { operationId } = operation;
  Deno.test(`${operationId} answers whatever it is asked as its document says, never with 5xx`, async () => {
    const api = new TestApp(obligingService());
    const [type = "", { schema } = {}] = Object.entries(operation.requestBody?.content ?? {})[0] ??
      [];
    const bodies = type === BYTES_TYPE
      ? fc.option(fc.string(), { nil: undefined })
      : schema === undefined
      ? fc.constant(undefined)
      : fc.oneof(
        { arbitrary: valuesOf(schema).map((body) => JSON.stringify(body)), weight: 5 },
        { arbitrary: fc.string(), weight: 1 },
      );
    const types = fc.oneof(
      { arbitrary: fc.constant(type), weight: 9 },
      { arbitrary: fc.constantFrom("text/plain", "", "application/json; charset=x"), weight: 1 },
    );
    const accepts = fc.constantFrom("*/*", "application/x-ndjson", "text/event-stream", "x", "");
    const least: [[string, string][], [string, string][], string | undefined, string, string] = [
      leastParametersOf(operation, "path"),
      leastParametersOf(operation, "query"),
      type === BYTES_TYPE ? "x" : schema && JSON.stringify(leastOf(schema)),
      type,
      "*/*",
    ];
    const statuses = new Set<number>();
    await fc.assert(
      fc.asyncProperty(
        parametersOf(operation, "path"),
        parametersOf(operation, "query"),
        bodies,
        types,
        accepts,
        async (inPath, inQuery, body, type, accept) => {
          let url = path;
          for (const [name, value] of inPath) {
            // These characters would make another path of it.
            const part = /^\.{0,2}$/.test(value) ? "none" : value;
            url = url.replace(`{${name}}`, () => encodeURIComponent(part.toWellFormed()));
          }
          const query = new URLSearchParams(inQuery);
          const response = await api.request(`${url}?${query}`, {
            method: method.toUpperCase(),
            headers: { Accept: accept, ...(body !== undefined && { "Content-Type": type }) },
            ...(body !== undefined && { body }),
          });
          const { status, headers } = response;
          const text = await response.text();
          statuses.add(status);
          assert.ok(status < 500, `${status}: ${text}`);
          const documented = operation.responses[status];
          assert.ok(documented !== undefined, `${status}: ${text}`);
          if (status === 204) {
            assert.equal(text, "");
            return;
          }
          const mediaType = headers.get("content-type")?.split(";")[0] ?? "";
          assert.ok(mediaType in documented.content, `${status} ${mediaType}`);
          checkAnswer(OPERATIONS[operationId], status, mediaType, text);
        },
      ),
      { numRuns: 150, endOnFailure: true, examples: [least] },
    );
    assert.ok(Math.min(...statuses) < 300, `It never went well: ${[...statuses]}`);
    assert.deepEqual(api.faults, []);
  });
}

/** An answer must be what its schema says. */
function checkAnswer(operation: Operation, status: number, type: string, text: string): void {
  if (status >= 400) {
    (operation.failure?.schema ?? schemas.problem).parse(JSON.parse(text));
    return;
  }
  const schema = operation.answer.content[type];
  if (schema === null || schema === undefined) return;
  const values = type === "application/x-ndjson" ? text.trimEnd().split("\n") : [text];
  for (const value of values) schema.parse(JSON.parse(value));
}

Deno.test("An error of each code has the status of the table", async () => {
  for (const code of Object.keys(ERROR_CODES) as (keyof typeof ERROR_CODES)[]) {
    const api = new TestApp({ getJob: () => Promise.reject(new JobWorkerError(code, "No")) });
    const response = await api.request(`/v1/jobs/${JOB_ID}`);
    assert.equal(response.status, ERROR_CODES[code].http);
    assert.equal(schemas.problem.parse(await response.json()).code, code);
  }
});
