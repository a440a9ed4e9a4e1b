import type { Caller } from "../service/job_service.ts";
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
    /** Set once the path is known. */
    operation?: Operation;
  };
}
