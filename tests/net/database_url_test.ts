import { parseDatabaseUrl } from "../../lib/net/database_url.ts";
import { assert } from "../assert.ts";

const SECRET = "s3cret";

Deno.test("A URL of a database says where it is, and how it is to prove that", () => {
  assert.deepEqual(parseDatabaseUrl("postgres://hub@db.example/fleet"), {
    ...{ host: "db.example", port: 5432, database: "fleet", user: "hub" },
    ...{ tls: "verify-full", rootCert: "" },
  });
  const written =
    "postgresql://a%23b%40c@[::1]:5433/my%20%25fleet?sslmode=require&sslrootcert=/ca.pem";
  assert.deepEqual(parseDatabaseUrl(written), {
    ...{ host: "::1", port: 5433, database: "my %fleet", user: "a#b@c" },
    ...{ tls: "require", rootCert: "/ca.pem" },
  });
  assert.equal(parseDatabaseUrl("postgres://hub@localhost/fleet").tls, "disable");
});

Deno.test("A URL of a database is refused that has a password or is none, and not repeated", () => {
  const refused: Record<string, RegExp> = {
    [`postgres://hub:${SECRET}@h/fleet`]: /must have no password/,
    [`postgres://hub:${SECRET}%23@h/fleet`]: /must have no password/,
    [`postgres://:${SECRET}@h/fleet`]: /must have no password/,
    // Behind a # it is no password to a parser.
    [`postgres://hub:${SECRET}#1@h/fleet`]: /must be a URL of PostgreSQL/,
    [`postgres://hub:12#${SECRET}@h/fleet`]: /must have no `#`/,
    [`postgres://hub@h/fleet#${SECRET}`]: /must have no `#`/,
    [`postgres://hub@h/fleet?password=${SECRET}`]: /"password", and may only have/,
    [`postgres://hub@h/fleet?sslmode=${SECRET}`]: /sslmode: disable, require, verify-full/,
    [`postgres://${SECRET}%zz@h/fleet`]: /two digits behind each `%`/,
    [`postgres://hub@h/${SECRET}%ff`]: /two digits behind each `%`/,
    [`postgres://hub@h/${SECRET}/more`]: /must name a user, a host and a database/,
    [`postgres://h/${SECRET}`]: /must name a user/,
    [`mysql://hub@h/${SECRET}`]: /must be a URL of PostgreSQL/,
    [SECRET]: /must be a URL of PostgreSQL/,
  };
  for (const [url, message] of Object.entries(refused)) {
    assert.throws(() => parseDatabaseUrl(url), (error: Error) => {
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, new RegExp(SECRET));
      return true;
    });
  }
});
