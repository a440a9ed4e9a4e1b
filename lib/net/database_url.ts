/** How the server of a database proves who it is: not at all, by any certificate, or by one for its name. */
const TLS_MODES = ["disable", "require", "verify-full"] as const;

/** Where a database is, and who uses it. The password is not part of that: others may see it. */
export interface DatabaseUrl {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly tls: typeof TLS_MODES[number];
  /** The file of the CA that counts; `""`: those that the system trusts. */
  readonly rootCert: string;
}

const EXAMPLE = "such as postgres://job-worker@db.example:5432/fleet";
const PARAMETERS = ["sslmode", "sslrootcert"];
const LOOPBACK = ["localhost", "127.0.0.1", "::1"];

/**
 * Reads where a database of PostgreSQL is. See https://www.postgresql.org/docs/current/libpq-connect.html for the form.
 *
 * @throws an error that says what is accepted, and repeats no password
 */
export function parseDatabaseUrl(text: string): DatabaseUrl {
  const url = URL.parse(text);
  if (url === null || !["postgres:", "postgresql:"].includes(url.protocol)) {
    throw new Error(`must be a URL of PostgreSQL, ${EXAMPLE}`);
  }
  if (url.password !== "") {
    throw new Error("must have no password, which other users could see: put it into a file");
  }
  if (url.hash !== "") {
    throw new Error(
      "must have no `#`, behind which nothing is read: in a name it is written as %23",
    );
  }
  const database = decoded(url.pathname.slice(1));
  if (url.hostname === "" || url.username === "" || !/^[^/\0]+$/.test(database)) {
    throw new Error(`must name a user, a host and a database, ${EXAMPLE}`);
  }
  const unknown = [...url.searchParams.keys()].find((name) => !PARAMETERS.includes(name));
  if (unknown !== undefined) {
    throw new Error(`has "${unknown}", and may only have ${PARAMETERS.join(" and ")}`);
  }
  const host = decoded(url.hostname).replace(/^\[(.*)\]$/, "$1");
  const mode = url.searchParams.get("sslmode") ??
    (LOOPBACK.includes(host) ? "disable" : "verify-full");
  const tls = TLS_MODES.find((each) => each === mode);
  if (tls === undefined) {
    throw new Error(`must have one of these as its sslmode: ${TLS_MODES.join(", ")}`);
  }
  return {
    ...{ host, database, tls },
    port: Number(url.port || 5432),
    user: decoded(url.username),
    rootCert: url.searchParams.get("sslrootcert") ?? "",
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error("must have two digits behind each `%`: in a name it is itself written as %25");
  }
}
