/**
 * Reading requests: their JSON bodies, queries and job ids, by the schemas of the operations.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Context } from "hono";
import * as z from "../text/zod.ts";
import { read } from "../text/zod.ts";
import { JobWorkerError } from "../errors.ts";
import { isJobId } from "../ids.ts";
import { HttpError } from "./http_error.ts";
import { parseStrictJson } from "./strict_json.ts";

// The media types beside JSON: bytes as they are, lines of JSON, and server-sent events.
export const BYTES_TYPE = "application/octet-stream";
export const LINES_TYPE = "application/x-ndjson";
export const EVENTS_TYPE = "text/event-stream";

const FORM_TYPE = "application/x-www-form-urlencoded";

const MAX_BODY_BYTES = 1024 * 1024;

/**
 * The body of a request, of JSON.
 *
 * @param options.optional an empty body stands for `{}`
 * @throws {JobWorkerError} `invalid_argument`; status 415 if it is not JSON, 413 if it is too large
 */
export async function readBody<T>(
  { req }: Context,
  schema: z.ZodType<T>,
  options: { optional?: boolean } = {},
): Promise<T> {
  const type = req.header("content-type");
  const mayLackType = type === undefined && options.optional === true;
  if (!mayLackType && !isJson(type)) throw wrongType(type, "application/json");
  const bytes = await readBytes(req.raw, mayLackType ? 0 : MAX_BODY_BYTES);
  const isEmpty = bytes.byteLength === 0 && options.optional === true;
  return read(schema, isEmpty ? {} : parseStrictJson(bytes), "request body");
}

/**
 * The body of a request, as bytes; without a type only if it is empty.
 *
 * @throws {JobWorkerError} `invalid_argument`, with status 415 or 413
 */
export async function readBodyBytes({ req }: Context): Promise<Uint8Array<ArrayBuffer>> {
  const type = req.header("content-type");
  if (type !== undefined && type.toLowerCase() !== BYTES_TYPE) throw wrongType(type, BYTES_TYPE);
  return new Uint8Array(await readBytes(req.raw, type === undefined ? 0 : MAX_BODY_BYTES));
}

function wrongType(type: string | undefined, right: string): HttpError {
  return new HttpError(
    "invalid_argument",
    415,
    `Cannot read a body of type ${JSON.stringify(type ?? "")}: send ${right}`,
  );
}

function isJson(type: string | undefined): boolean {
  return /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(type ?? "");
}

/** The most bytes of what a form on a page sends. */
const MAX_FORM_BYTES = 16 * 1024;

/**
 * The fields of a form, as a browser sends it that runs no script.
 *
 * @throws {JobWorkerError} `invalid_argument`, with status 415 or 413
 */
export async function readForm({ req }: Context): Promise<URLSearchParams> {
  const type = req.header("content-type");
  const isForm = type?.toLowerCase().replace(/\s*;\s*charset=utf-8$/, "") === FORM_TYPE;
  if (!isForm) throw wrongType(type, FORM_TYPE);
  return new URLSearchParams(new TextDecoder().decode(await readBytes(req.raw, MAX_FORM_BYTES)));
}

/** Reads no more than is accepted, whatever the client announces or sends. */
async function readBytes(request: Request, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = Number(request.headers.get("content-length") ?? 0);
  if (length <= most) {
    length = 0;
    for await (const part of request.body ?? []) {
      length += part.byteLength;
      if (length > most) break;
      parts.push(part);
    }
  }
  if (length > most) {
    throw new HttpError(
      "resource_exhausted",
      413,
      `Cannot read the request body: it has more than ${most} bytes`,
    );
  }
  return Buffer.concat(parts);
}

/** What a query may hold: see `Operation`. */
interface QueryRules<T> {
  readonly query: z.ZodType<T> & z.ZodObject;
  readonly exclusive?: { readonly of: readonly string[] };
}

/**
 * The query of a request. A parameter may be given once, unless the schema has a list for it.
 *
 * @throws {JobWorkerError} `invalid_argument`
 */
export function readQuery<T>(
  { req }: Context,
  { query: schema, exclusive }: QueryRules<T>,
): T {
  const given: Record<string, unknown> = {};
  for (const [name, texts] of Object.entries(req.queries())) {
    const [text = "", ...others] = texts;
    const kind = kindOf(schema, name);
    if (kind === "array") given[name] = texts;
    else if (others.length === 0) given[name] = readText(kind, text);
    else throw new JobWorkerError("invalid_argument", `Invalid query: ${name} is given twice`);
  }
  const [one, other] = exclusive?.of.filter((name) => Object.hasOwn(given, name)) ?? [];
  if (other !== undefined) {
    throw new JobWorkerError(
      "invalid_argument",
      `Invalid query: ${one} and ${other} cannot be combined`,
    );
  }
  return read(schema, given, "query");
}

/** The type of a parameter, without its being optional. */
function kindOf({ shape }: z.ZodObject, name: string): string {
  let schema: z.core.$ZodType | undefined = Object.hasOwn(shape, name) ? shape[name] : undefined;
  while (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) {
    schema = schema.unwrap();
  }
  return schema?._zod.def.type ?? "string";
}

/** The value that a text stands for; otherwise the text itself, which the schema then refuses. */
function readText(kind: string, text: string): unknown {
  if (kind === "number" && /^\d{1,16}$/.test(text)) return Number(text);
  if (kind === "boolean" && /^(1|true)$/.test(text)) return true;
  if (kind === "boolean" && /^(0|false)$/.test(text)) return false;
  return text;
}

/** Whether a parameter that is a flag says yes. */
export function isSet(flag: string): boolean {
  return /^(1|true)$/.test(flag);
}

/**
 * The job that the path names. Text that is not an id is not looked up.
 *
 * @throws {JobWorkerError} `not_found`
 */
export function readJobId({ req }: Context): string {
  const jobId = req.param("jobId") ?? "";
  if (isJobId(jobId)) return jobId;
  throw new JobWorkerError("not_found", `No job ${JSON.stringify(jobId.slice(0, 64))}`);
}
