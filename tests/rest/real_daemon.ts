import { join } from "node:path";
import { setPassword } from "../../lib/auth/password_file_edit.ts";
import { TestCertificates } from "../certificates.ts";
import { TestDaemon } from "../end_to_end/daemon.ts";
import { until } from "../worker/fixture.ts";

/** The password of alice, an operator, and victor, a viewer. */
export const PASSWORD = "correct horse";

/** A real daemon that serves REST. */
export interface RestDaemon extends AsyncDisposable {
  readonly certificates: TestCertificates;
  /** The path of the file of users. */
  readonly users: string;
  readonly daemon: TestDaemon;
  /** `host:port` of REST. */
  readonly restAddress: string;
  /** Trusts the daemon's certificate. */
  readonly http: Deno.HttpClient;
}

export async function startRestDaemon(): Promise<RestDaemon> {
  await using resources = new AsyncDisposableStack();
  const certificates = resources.use(await TestCertificates.create());
  const users = join(certificates.directory, "users.htpasswd");
  await setPassword(users, "alice", { password: PASSWORD, roles: ["operator"] });
  await setPassword(users, "victor", { password: PASSWORD, roles: ["viewer"] });
  const daemon = resources.use(
    await TestDaemon.start(certificates, {
      args: ["--rest-address=127.0.0.1:0", `--users=${users}`],
    }),
  );
  const [, restAddress = ""] = await until(async () =>
    /serving REST at https:\/\/(\S+)\n/.exec((await daemon.outputs()).stdout) ?? false
  );
  const http = resources.use(Deno.createHttpClient({ caCerts: [certificates.ca.cert] }));
  const owned = resources.move();
  return {
    certificates,
    users,
    daemon,
    restAddress,
    http,
    [Symbol.asyncDispose]: async () => await owned[Symbol.asyncDispose](),
  };
}
