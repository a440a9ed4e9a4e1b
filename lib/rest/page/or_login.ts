import type { MiddlewareHandler } from "hono";
import { HttpError } from "../http_error.ts";
import type { RestEnv } from "../rest_env.ts";
import { againPage } from "./login_pages.ts";
import { pageAnswer } from "./page_answer.ts";

/** Sends browsers that do not say who they are to the page to log in on. */
export function orLogin(authenticate: MiddlewareHandler<RestEnv>): MiddlewareHandler<RestEnv> {
  return async function authenticateOrLogIn(c, next) {
    try {
      return await authenticate(c, next);
    } catch (error) {
      const { authorization, "sec-fetch-dest": use, "sec-fetch-site": site } = c.req.header();
      const isUnknown = error instanceof HttpError && error.status === 401;
      const hasPassword = (authorization ?? "") !== "";
      if (!isUnknown || hasPassword || use === "empty") throw error;
      // Whoever follows a link on another site may have logged in all the same, which only our own pages tell.
      if (site === "cross-site") return await pageAnswer(c, againPage());
      // What was sent by a form is not sent again.
      if (c.req.method !== "GET") return c.redirect("/login", 303);
      const { pathname, search } = new URL(c.req.url);
      return c.redirect(`/login?${new URLSearchParams({ to: pathname + search })}`, 303);
    }
  };
}
