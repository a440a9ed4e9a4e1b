import { join } from "node:path";
import { setPassword } from "../../../lib/auth/password_file_edit.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { TestDaemon } from "../../end_to_end/daemon.ts";
import { until } from "../../worker/fixture.ts";

async function originOf(daemon: TestDaemon): Promise<string> {
  const [, origin = ""] = await until(async () =>
    /serving REST at (https:\/\/\S+)\n/.exec((await daemon.outputs()).stdout) ?? false
  );
  return origin;
}

Deno.test("A login holds at every gateway and after a restart, and so does its end", async () => {
  await using certificates = await TestCertificates.create();
  const users = join(certificates.directory, "users.htpasswd");
  await setPassword(users, "alice", { password: "correct horse", roles: ["viewer"] });
  const args = ["--rest-address=127.0.0.1:0", `--users=${users}`, "--gateways=2"];
  await using daemon = await TestDaemon.start(certificates, { args });
  const ca = await Deno.readTextFile(certificates.paths("client").ca);
  // A connection for each request, so that they come to both gateways.
  using client = Deno.createHttpClient({ caCerts: [ca], poolMaxIdlePerHost: 0 });
  const request = async (url: string, cookie: string, fields?: Record<string, string>) => {
    const { origin } = new URL(url);
    const response = await fetch(url, {
      client,
      redirect: "manual",
      headers: { Cookie: cookie, Origin: origin, Connection: "close" },
      ...(fields !== undefined && { method: "POST", body: new URLSearchParams(fields) }),
    });
    await response.body?.cancel();
    return response;
  };
  /** Each of many requests has this status at once: all gateways know before anybody is answered. */
  const assertAll = async (origin: string, cookie: string, status: number) => {
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => request(`${origin}/`, cookie)),
    );
    assert.deepEqual(responses.map((response) => response.status), Array(20).fill(status));
  };
  const logIn = async (origin: string) => {
    const fields = { user: "alice", password: "correct horse" };
    const response = await request(`${origin}/login`, "", fields);
    assert.equal(response.status, 303);
    return response.headers.get("set-cookie")?.split(";")[0] ?? "";
  };
  const before = await originOf(daemon);
  const [kept, left] = [await logIn(before), await logIn(before)];
  await assertAll(before, kept, 200);
  await assertAll(before, left, 200);
  assert.equal((await request(`${before}/logout`, left, {})).status, 303);
  await assertAll(before, left, 303);
  await assertAll(before, kept, 200);
  await daemon.restart(args);
  const after = await originOf(daemon);
  await assertAll(after, kept, 200);
  await assertAll(after, left, 303);
});
