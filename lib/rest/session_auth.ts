import type { Context, MiddlewareHandler } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { SESSION_MS, type Sessions } from "../auth/sessions.ts";
import { acceptAs } from "./basic_auth.ts";
import { HttpError } from "./http_error.ts";
import type { RestEnv } from "./rest_env.ts";

/** A browser takes a cookie of such a name only from us, over TLS and for all paths (RFC 6265bis, 4.1.3.2). */
const COOKIE = "__Host-job-worker";

/** No script sees it, and no request has it that another site has caused. */
const ATTRIBUTES = { path: "/", secure: true, httpOnly: true, sameSite: "Strict" } as const;

/**
 * Lets those pass who have logged in to the page, and has the others say who they are in another way.
 *
 * @param otherwise for a request with a password, or without a session
 */
export function sessionAuth(
  sessions: Sessions,
  otherwise: MiddlewareHandler<RestEnv>,
): MiddlewareHandler<RestEnv> {
  return async function authenticate(c, next) {
    const token = (c.req.header("authorization") ?? "") === "" ? getCookie(c, COOKIE) : undefined;
    const known = token === undefined ? null : sessions.check(token);
    if (known !== null) {
      const { session } = known;
      c.set("session", session);
      c.set("isKnown", () => sessions.isOpen(session));
      acceptAs(c, known.identity);
      return await next();
    }
    try {
      return await otherwise(c, next);
    } catch (error) {
      // A browser would ask for a password, over a page that has a better way.
      const isScript = c.req.header("sec-fetch-dest") === "empty";
      if (!isScript || !(error instanceof HttpError) || error.status !== 401) throw error;
      throw new HttpError("unauthenticated", 401, NOT_KNOWN);
    }
  };
}

const NOT_KNOWN = "You are not logged in any more";

/**
 * The pieces of an answer that goes on for long, as long as its reader is logged in: beyond that it is cut off.
 *
 * @param close ends what the pieces are made of
 */
export async function* whileKnown<T>(
  { var: { isKnown = () => true } }: Context<RestEnv>,
  pieces: AsyncIterable<T>,
  close: () => Promise<void>,
): AsyncGenerator<T, void, undefined> {
  for await (const piece of pieces) {
    if (!isKnown()) {
      await close();
      throw new HttpError("unauthenticated", 401, NOT_KNOWN);
    }
    yield piece;
  }
}

/** Gives the browser what opens a session. */
export function setSession(c: Context<RestEnv>, token: string): void {
  setCookie(c, COOKIE, token, { ...ATTRIBUTES, maxAge: SESSION_MS / 1000 });
}

/** Takes it away again. */
export function forgetSession(c: Context<RestEnv>): void {
  deleteCookie(c, COOKIE, ATTRIBUTES);
}
