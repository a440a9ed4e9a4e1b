import type { Context } from "hono";
import type { Session } from "../auth/sessions.ts";
import type { CallContext, Caller } from "../service/job_service.ts";
import type { Operation } from "./operations.ts";

/** What the listener knows about a request beyond HTTP, and what the middleware finds out. */
export interface RestEnv {
  Bindings: {
    /** The IP address of the other side. */
    readonly address: string;
    /** Address and port, as people write them. */
    readonly peer: string;
    /** Declares that only an event ends the answer, so that a shutdown must not wait for it. */
    readonly openEnded: () => void;
    /** Declares that the client has proven to be a user, so that its connection is not dropped for a stranger's. */
    readonly authenticated: (user: string) => void;
    /** Adds a trailer field after the body of the answer (RFC 9110 §6.5). */
    readonly addTrailer: (name: string, value: string) => void;
  };
  Variables: {
    /** Set once the request has been authenticated. */
    caller: Caller;
    /** The session by which the caller is known, unless it is by a password. */
    session?: Session;
    /** Whether that is still open. */
    isKnown?: () => boolean;
    /** Set once the path is known. */
    operation?: Operation;
  };
}

/** The context of the call that a request makes. */
export function contextOf(c: Context<RestEnv>): CallContext {
  return { caller: c.var.caller, signal: c.req.raw.signal };
}
