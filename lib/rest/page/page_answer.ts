import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { JobWorkerError } from "../../errors.ts";
import { HttpError, httpStatusOf } from "../http_error.ts";
import type { RestEnv } from "../rest_env.ts";
import { type Html, problemPage, type Reader } from "./layout.ts";

/** Only allows what comes from this daemon, and nothing inline: see docs/page.md. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Who reads a page that is only for those who have said who they are. */
export function readerOf({ var: { caller, session } }: Context<RestEnv>): Reader {
  return { identity: caller.identity, mayLogOut: session !== undefined };
}

/** Answers with a page. */
export function pageAnswer(
  c: Context<RestEnv>,
  page: Html,
  status: ContentfulStatusCode = 200,
): Response | Promise<Response> {
  c.header("Content-Security-Policy", PAGE_POLICY);
  // Otherwise a browser would not say where a form comes from.
  c.header("Referrer-Policy", "same-origin");
  return c.html(page, status);
}

/** Answers with a page that says what went wrong. */
export function problemAnswer(
  c: Context<RestEnv>,
  error: JobWorkerError,
): Response | Promise<Response> {
  if (error instanceof HttpError) {
    for (const [name, value] of Object.entries(error.headers)) c.header(name, value);
  }
  const status = httpStatusOf(error) as ContentfulStatusCode;
  const title = status === 404 ? "Not found" : "This did not work";
  const reader = c.get("caller") === undefined ? undefined : readerOf(c);
  return pageAnswer(c, problemPage(error.message, title, reader), status);
}
