import * as z from "../text/zod.ts";
import { VERSION } from "../version.ts";
import { PROBLEM_TYPE } from "./problem.ts";
import { BYTES_TYPE } from "./request.ts";
import { type Operation, OPERATIONS } from "./operations.ts";
import * as schemas from "./schemas.ts";

const needsUser = ({ open }: Operation) => open !== true;
const hasBody = ({ body }: Operation) => body !== undefined;
const isOfJob = ({ path }: Operation) => path.includes("{");

/** The statuses of errors: which operations answer with each, and why. */
const FAILURES: readonly (readonly [number, (operation: Operation) => boolean, string])[] = [
  [400, needsUser, "The request is malformed, or a value in it is not accepted"],
  [401, needsUser, "The user and password are missing or wrong"],
  [
    403,
    needsUser,
    "The roles of the user do not allow this, or the request comes from another site",
  ],
  [404, needsUser, "There is no such job, or the user may not see it"],
  [409, hasBody, "The job has already ended, or the program cannot be run"],
  [413, hasBody, "The body is larger than 1 MiB"],
  [415, hasBody, "The body is not of the media type that is taken here"],
  [416, isOfJob, "The log is shorter than the offset"],
  [
    429,
    needsUser,
    "Too many failed logins (Retry-After says how long to wait), calls or running jobs",
  ],
  [500, needsUser, "Internal error of the daemon"],
  [503, needsUser, "The daemon is unavailable at the moment"],
];

/** The document of the API, OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.1.html */
export function openApiDocument(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [operationId, operation] of Object.entries<Operation>(OPERATIONS)) {
    const item = paths[operation.path] ??= {};
    item[operation.method.toLowerCase()] = { operationId, ...describe(operation) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Job Worker", version: VERSION },
    paths,
    components: {
      schemas: components(),
      securitySchemes: { basic: { type: "http", scheme: "basic" } },
    },
    security: [{ basic: [] }],
  };
}

/** The named messages. Where a message contains another, it refers to that by name. */
function components(): Record<string, unknown> {
  const made = z.toJSONSchema(schemas.named, { uri: reference, io: "input" }).schemas;
  return Object.fromEntries(
    Object.entries(made).map(([name, { $schema: _, $id: __, ...schema }]) => [name, schema]),
  );
}

function reference(name: string): string {
  return `#/components/schemas/${name}`;
}

function describe(operation: Operation): Record<string, unknown> {
  const { summary, answer, body, bodyOptional = false } = operation;
  return {
    summary,
    ...(!needsUser(operation) && { security: [] }),
    parameters: [...pathParameters(operation), ...queryParameters(operation)],
    ...(body !== undefined && {
      requestBody: {
        required: !bodyOptional,
        content: body === "bytes"
          ? { [BYTES_TYPE]: {} }
          : { "application/json": { schema: schemaOf(body) } },
      },
    }),
    responses: {
      [answer.status]: {
        description: answer.about,
        ...(answer.headers && { headers: headersOf(answer.headers) }),
        content: contentOf(answer.content),
      },
      ...(operation.empty && { 204: { description: operation.empty } }),
      ...failuresOf(operation),
    },
  };
}

function pathParameters({ path }: Operation) {
  return Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: schemaOf(schemas.jobId),
  }));
}

/**
 * OpenAPI describes parameters of which at most one may be given as one object: with form and explode, the
 * defaults for a query, each of its members is a parameter.
 */
function queryParameters({ query, exclusive }: Operation) {
  const shape = Object.entries<z.ZodType>(query?.shape ?? {});
  const members = shape.map(([name, schema]) => [name, schemaOf(schema)] as const);
  const required = shape.filter(([, schema]) => !schema.safeParse(undefined).success)
    .map(([name]) => name);
  const isExclusive = (name: string) => exclusive?.of.includes(name) ?? false;
  const parameters: Record<string, unknown>[] = members
    .filter(([name]) => !isExclusive(name))
    .map(([name, schema]) => ({
      name,
      in: "query",
      ...(required.includes(name) && { required: true }),
      schema,
    }));
  if (exclusive === undefined) return parameters;
  const properties = Object.fromEntries(members.filter(([name]) => isExclusive(name)));
  const schema = { type: "object", properties, additionalProperties: false, maxProperties: 1 };
  return [...parameters, {
    name: exclusive.name,
    in: "query",
    style: "form",
    explode: true,
    description: `At most one of ${exclusive.of.join(", ")}. Each is a query parameter of its own.`,
    schema,
  }];
}

function failuresOf(operation: Operation): Record<string, unknown> {
  const { failure } = operation;
  const content = failure === undefined
    ? contentOf({ [PROBLEM_TYPE]: schemas.problem })
    : contentOf({ "application/json": failure.schema });
  return Object.fromEntries(
    FAILURES.filter(([, answers]) => answers(operation))
      .map(([status, , description]) => [status, { description, content }]),
  );
}

function contentOf(content: Operation["answer"]["content"]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(content)
      .map(([type, schema]) => [type, schema === null ? {} : { schema: schemaOf(schema) }]),
  );
}

function headersOf(headers: NonNullable<Operation["answer"]["headers"]>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers)
      .map(([name, description]) => [name, { description, schema: { type: "string" } }]),
  );
}

/** A reference to a message that has a name; otherwise its whole schema. */
function schemaOf(schema: z.ZodType): unknown {
  const name = schemas.named.get(schema)?.id;
  if (name !== undefined) return { $ref: reference(name) };
  const { $schema: _, ...inline } = z.toJSONSchema(schema, { io: "input" });
  return inline;
}
