import type { Caller } from "../service/job_service.ts";
import type { Operation } from "./operations.ts";

/** What the listener knows of a request beyond HTTP, and what is found out on the way. */
export interface RestEnv {
  Bindings: {
    /** The IP address of the other side. */
    readonly address: string;
    /** Address and port, as people write them. */
    readonly peer: string;
    /** Says that only an event ends the answer, so that nobody can wait for its end. */
    readonly openEnded: () => void;
    /** Adds a field behind the body of the answer, which shows only then (RFC 9110 §6.5). */
    readonly addTrailer: (name: string, value: string) => void;
  };
  Variables: {
    /** Once it has been authenticated. */
    caller: Caller;
    /** Once the path is known to be one of ours. */
    operation?: Operation;
  };
}
