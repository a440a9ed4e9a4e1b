import { type Context, Hono, type MiddlewareHandler } from "hono";
import { AUDIT, authorize } from "../../auth/authorize.ts";
import type { Identity } from "../../auth/identity.ts";
import type { Credentials } from "../../auth/password_login.ts";
import type { Session, Sessions, SessionUser } from "../../auth/sessions.ts";
import { JobWorkerError } from "../../errors.ts";
import { httpStatusOf } from "../http_error.ts";
import { readForm } from "../request.ts";
import type { RestEnv } from "../rest_env.ts";
import { forgetSession, setSession } from "../session_auth.ts";
import { loginPage, sessionsPage } from "./login_pages.ts";
import { orLogin } from "./or_login.ts";
import { pageAnswer, problemAnswer, readerOf } from "./page_answer.ts";

/** Options of {@linkcode loginRoutes}. */
export interface LoginRoutesOptions {
  /** Only lets known users pass. */
  readonly authenticate: MiddlewareHandler<RestEnv>;
  /** Only lets pass what comes from a page of ours. */
  readonly checkOrigin: MiddlewareHandler<RestEnv>;
  /** Checks a password, at the same limits as everywhere. */
  readonly logIn: (credentials: Credentials, c: Context<RestEnv>) => Promise<Identity>;
  /** What a caller may be told about an error. */
  readonly known: (error: unknown) => JobWorkerError;
}

/** The pages to log in and out, and to see and end what is open. */
export function loginRoutes(sessions: Sessions, options: LoginRoutesOptions): Hono<RestEnv> {
  const { checkOrigin, logIn, known } = options;
  const authenticate = orLogin(options.authenticate);
  const routes = new Hono<RestEnv>();
  routes.onError((fault, c) => problemAnswer(c, known(fault)));

  routes.get(
    "/login",
    (c) => pageAnswer(c, loginPage({ to: pathIn(c.req.query("to")), user: "", problem: "" })),
  );

  routes.post("/login", checkOrigin, async (c) => {
    const form = await readForm(c);
    const to = pathIn(form.get("to"));
    const credentials = { user: form.get("user") ?? "", password: form.get("password") ?? "" };
    try {
      const { user, roles } = await logIn(credentials, c);
      const by = { user, roles, peer: c.env.peer };
      setSession(c, await sessions.open(by, c.env.address));
    } catch (fault) {
      const error = known(fault);
      // 401 would make the browser ask as well.
      const status = httpStatusOf(error) === 429 ? 429 : error.code === "unavailable" ? 503 : 403;
      return await pageAnswer(
        c,
        loginPage({ to, user: credentials.user.slice(0, 64), problem: error.message }),
        status,
      );
    }
    return c.redirect(to, 303);
  });

  routes.post("/logout", authenticate, checkOrigin, async (c) => {
    if (c.var.session !== undefined) await sessions.close(c.var.session.id, userOf(c));
    forgetSession(c);
    return c.redirect("/login", 303);
  });

  routes.get("/sessions", authenticate, (c) => {
    const own = c.var.session?.id ?? "";
    return pageAnswer(c, sessionsPage(seenBy(c), { reader: readerOf(c), own, now: Date.now() }));
  });

  routes.post("/sessions/end", authenticate, checkOrigin, async (c) => {
    const id = (await readForm(c)).get("id");
    if (!seenBy(c).some((session) => session.id === id)) {
      throw new JobWorkerError("not_found", "This login has ended already");
    }
    await sessions.close(id ?? "", userOf(c));
    return c.redirect("/sessions", 303);
  });

  /** One's own, and for those who may see everything that was done, all. */
  function seenBy({ var: { caller: { identity } } }: Context<RestEnv>): readonly Session[] {
    const mayAll = authorize(identity, AUDIT).kind === "allowed";
    return mayAll ? sessions.list() : sessions.list(identity.user);
  }
  return routes;
}

function userOf({ var: { caller: { identity, peer } } }: Context<RestEnv>): SessionUser {
  return { ...identity, peer };
}

/** A path of ours that a text names; that of the jobs for everything else. */
function pathIn(text: string | null | undefined): string {
  const url = URL.parse(text ?? "", "https://ours.invalid");
  const isOurs = url?.origin === "https://ours.invalid" && text?.startsWith("/") === true;
  return isOurs && url !== null ? url.pathname.replace(/^\/+/, "/") + url.search : "/";
}
