import postgres from "postgres";
import { JobWorkerError, messageOf } from "../errors.ts";
import type { DatabaseUrl } from "../net/database_url.ts";
import { REGISTRY_AWAY } from "./registry_away.ts";

/**
 * Classes of https://www.postgresql.org/docs/current/errcodes-appendix.html that may pass: no connection, no room, a
 * transaction that has to be tried again, somebody holds what is needed, somebody has intervened.
 */
const PASSING = ["08", "53", "40", "55", "57", "58", "25P03"];

/** Those that somebody has to do something about: no such user or database, no right to do it. */
const REFUSED = ["28", "3D", "42501"];

/** Whether it is the connection that has failed, or the server is ending it, and not what was asked. */
export function isLost(error: unknown): boolean {
  if (error instanceof JobWorkerError || codeOf(error) === "") return false;
  return !(error instanceof postgres.PostgresError) || error.code.startsWith("57P");
}

/** For what is not asked, or not waited for, since the connection is lost. */
export function lostError(): Error {
  return Object.assign(new Error("the connection was lost"), { code: "CONNECTION_CLOSED" });
}

/** What is told of an error of the database: never more than what the server has said, and no statement. */
export function registryError({ host, port }: DatabaseUrl, error: unknown): unknown {
  const code = codeOf(error);
  if (error instanceof JobWorkerError || code === "") return error;
  const text = `The registry at ${host}:${port} cannot be used: ${messageOf(error)}`;
  if (!(error instanceof postgres.PostgresError)) {
    return new JobWorkerError("unavailable", text, { reason: REGISTRY_AWAY, cause: error });
  }
  const isOf = (classes: readonly string[]) => classes.some((each) => code.startsWith(each));
  if (isOf(PASSING)) {
    return new JobWorkerError("unavailable", text, { reason: REGISTRY_AWAY, cause: error });
  }
  if (isOf(REFUSED)) return new JobWorkerError("failed_precondition", text, { cause: error });
  return error;
}

/** Errors of connections have one as well, such as `ECONNREFUSED` and `CONNECTION_CLOSED`. */
function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code ?? "") : "";
}
