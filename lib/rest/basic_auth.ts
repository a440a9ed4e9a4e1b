import type { Context, MiddlewareHandler } from "hono";
import type { Identity } from "../auth/identity.ts";
import type { Credentials, PasswordLogin } from "../auth/password_login.ts";
import { HttpError } from "./http_error.ts";
import type { RestEnv } from "./rest_env.ts";

/** A login that failed. It does not include the password. */
export interface FailedLogin {
  /** As the client sent it: any characters, any length. */
  readonly user: string;
  /** Address and port. */
  readonly peer: string;
}

/** Asks for a user and password, RFC 7617. */
const CHALLENGE = { "WWW-Authenticate": 'Basic realm="Job Worker", charset="UTF-8"' };

/**
 * Only lets those pass who say who they are and prove it.
 *
 * @param onFailed told of wrong passwords and unknown users, but not of attempts that were refused unchecked
 */
export function basicAuth(
  login: Pick<PasswordLogin, "login">,
  onFailed: (failed: FailedLogin) => void,
): MiddlewareHandler<RestEnv> {
  return async function authenticate(c, next) {
    const credentials = credentialsIn(c.req.header("authorization"));
    if (credentials === null) {
      throw unauthenticated("This requires a user and password, by HTTP Basic authentication");
    }
    acceptAs(c, await logIn(login, credentials, c, onFailed));
    await next();
  };
}

/** Lets a request pass as somebody's who has proven who they are. */
export function acceptAs(c: Context<RestEnv>, identity: Identity): void {
  c.env.authenticated(identity.user);
  c.set("caller", { identity, fingerprint: "", peer: c.env.peer });
}

/**
 * Who somebody is by a user and password.
 *
 * @param onFailed as for {@linkcode basicAuth}
 * @throws {HttpError} 401 if they are wrong, 429 if there have been too many of those
 */
export async function logIn(
  login: Pick<PasswordLogin, "login">,
  credentials: Credentials,
  { env: { address, peer } }: Pick<Context<RestEnv>, "env">,
  onFailed: (failed: FailedLogin) => void,
): Promise<Identity> {
  const result = await login.login(credentials, address);
  switch (result.kind) {
    case "accepted":
      return result.identity;
    case "refused":
      onFailed({ user: credentials.user, peer });
      throw unauthenticated("Unknown user or wrong password");
    case "throttled": {
      const seconds = Math.ceil(result.retryAfterMs / 1000);
      const message = `Too many failed logins: try again in ${seconds} s`;
      throw new HttpError("resource_exhausted", 429, message, {
        headers: { "Retry-After": String(seconds) },
      });
    }
  }
}

function unauthenticated(message: string): HttpError {
  return new HttpError("unauthenticated", 401, message, { headers: CHALLENGE });
}

/** The user and password of an `Authorization` header, or `null` if it has none. */
function credentialsIn(header: string | undefined): Credentials | null {
  const encoded = /^basic +([A-Za-z0-9+/]+=*) *$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return null;
  try {
    const bytes = Uint8Array.fromBase64(encoded);
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const [, user, password] = /^([^:]*):(.*)$/s.exec(text) ?? [];
    return user === undefined || password === undefined ? null : { user, password };
  } catch {
    return null;
  }
}
