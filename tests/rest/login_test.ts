import { parsePasswordFile } from "../../lib/auth/password_file.ts";
import { PasswordLogin } from "../../lib/auth/password_login.ts";
import { restApp } from "../../lib/rest/app.ts";
import { hostsOf } from "../../lib/rest/server.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { fakeService } from "../service/samples.ts";
import { basic, DONE_JOB, JOB_ID, RawConnection, TestRest } from "./fixture.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

const HASH = `$2b$04$${".".repeat(53)}`;
const USERS = parsePasswordFile(`alice:${HASH}:admin`, "users");

/** REST over a real listener and a real login, whose only right password is "secret". */
async function listen(): Promise<TestRest & { readonly login: PasswordLogin }> {
  const { cert } = await certificates.material("server");
  const login = new PasswordLogin(USERS, {
    bcrypt: { matches: (password) => Promise.resolve(password === "secret") },
  });
  const app = restApp(fakeService({ getJob: () => Promise.resolve(DONE_JOB) }), login, {
    isOurHost: hostsOf(cert),
    publicOrigins: [],
    onFailedLogin: () => {},
    onFault: (error) => {
      throw error;
    },
  });
  return Object.assign(await TestRest.listen(certificates, {}, { answer: app.fetch }), { login });
}

/** The status of a request on a connection, and so on a port, of its own. */
async function statusOf(
  rest: TestRest,
  user: string,
  password: string,
  localAddress = "127.0.0.1",
): Promise<number> {
  const options = { ca: certificates.ca.cert, localAddress };
  await using connection = await RawConnection.open(rest.port, options);
  connection.socket.write(
    `GET /status/${JOB_ID} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n` +
      `Authorization: ${basic(user, password)}\r\n\r\n`,
  );
  const [, status] = await connection.seen(/^HTTP\/1.1 (\d{3}) /);
  return Number(status);
}

Deno.test("A new connection brings no fresh guesses: logins are counted by address", async () => {
  await using rest = await listen();
  using _login = rest.login;
  const statuses: number[] = [];
  for (let guess = 0; guess < 7; guess++) {
    statuses.push(await statusOf(rest, `user-${guess}`, `guess ${guess}`));
  }
  assert.deepEqual(statuses, [401, 401, 401, 401, 401, 401, 429]);
  assert.equal(await statusOf(rest, "user-0", "another guess", "127.0.0.2"), 401);
});

Deno.test("A login that succeeds is no failure, however often it comes again", async () => {
  await using rest = await listen();
  using _login = rest.login;
  for (let time = 0; time < 10; time++) assert.equal(await statusOf(rest, "alice", "secret"), 200);
  assert.equal(await statusOf(rest, "alice", "Secret"), 401);
});
