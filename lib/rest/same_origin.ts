import type { MiddlewareHandler } from "hono";
import { HttpError } from "./http_error.ts";
import type { RestEnv } from "./rest_env.ts";

/** The names by which the API is reached. */
export interface OwnNames {
  /** Whether our certificate is good for this name or IP address. */
  readonly isOurHost: (host: string) => boolean;
  /** The origins under which a proxy makes the API public, as browsers write them: `https://jobs.example`. */
  readonly publicOrigins: readonly string[];
}

/**
 * Refuses requests that a browser makes for a page of another site, because such a page could use the password
 * that the browser remembers. A request must name a host of ours, since somebody may have made their own name
 * resolve to our address, and come from no page or from one of ours. Ours are the names in our certificate and
 * the public origins: a proxy may pass on the host that it was asked for, or replace it with ours.
 */
export function sameOrigin({ isOurHost, publicOrigins }: OwnNames): MiddlewareHandler<RestEnv> {
  return async function checkOrigin({ req }, next) {
    const host = req.header("host") ?? "";
    const origin = req.header("origin");
    const site = req.header("sec-fetch-site") ?? "none";
    const asked = originOf(host);
    if (!isOurHost(hostnameOf(host)) && (asked === null || !publicOrigins.includes(asked))) {
      throw refusal(
        `This is not the host ${JSON.stringify(host.slice(0, 100))}: its certificate ` +
          "has other names; if a proxy passes requests on, name it with --public-origins",
      );
    }
    const ours = [asked, ...publicOrigins];
    if (origin !== undefined && !ours.includes(origin.toLowerCase())) {
      throw refusal(
        `Cannot accept requests from pages of ${JSON.stringify(origin.slice(0, 100))}: ` +
          "if a proxy makes this daemon public under that origin, name it with --public-origins",
      );
    }
    if (!["none", "same-origin"].includes(site)) {
      throw refusal("Cannot accept requests from pages of another site");
    }
    await next();
  };
}

/** The origin of pages of that host, as browsers write it; `null` if it is not a host. */
function originOf(host: string): string | null {
  return /^[^@/?#\\\s]+$/.test(host) ? URL.parse(`https://${host}`)?.origin ?? null : null;
}

function hostnameOf(host: string): string {
  const [, bracketed, plain = ""] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/.exec(host) ?? [];
  return bracketed ?? plain;
}

function refusal(message: string): HttpError {
  return new HttpError("permission_denied", 403, message);
}
