import type { MiddlewareHandler } from "hono";
import { HttpError } from "./http_error.ts";
import type { RestEnv } from "./rest_env.ts";

/**
 * Refuses requests that a browser makes for a page of another site: such a page could use the
 * password that the browser remembers. They must be meant for a host that is ours (a name of
 * somebody else's may have been made to lead here), and come from no page, or from our own.
 *
 * @param isOurHost whether our certificate is good for this name or IP address
 */
export function sameOrigin(isOurHost: (host: string) => boolean): MiddlewareHandler<RestEnv> {
  return async function checkOrigin({ req }, next) {
    const host = req.header("host") ?? "";
    const origin = req.header("origin");
    const site = req.header("sec-fetch-site") ?? "none";
    if (!isOurHost(hostnameOf(host))) {
      throw refusal(
        `This is not the host ${JSON.stringify(host.slice(0, 100))}: its certificate ` +
          "has other names",
      );
    }
    if (origin !== undefined && origin.toLowerCase() !== `https://${host.toLowerCase()}`) {
      throw refusal(`Cannot take requests from pages of ${JSON.stringify(origin.slice(0, 100))}`);
    }
    if (!["none", "same-origin"].includes(site)) {
      throw refusal("Cannot take requests from pages of another site");
    }
    await next();
  };
}

function hostnameOf(host: string): string {
  const [, bracketed, plain = ""] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/.exec(host) ?? [];
  return bracketed ?? plain;
}

function refusal(message: string): HttpError {
  return new HttpError("permission_denied", 403, message);
}
