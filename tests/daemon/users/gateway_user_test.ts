import { checkUsers } from "../../../lib/daemon/users/check_users.ts";
import { findGatewayUser, gatewayRights } from "../../../lib/daemon/users/gateway_user.ts";
import { assert } from "../../assert.ts";
import { rootTest } from "../../root.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";

const SETSID = "/usr/bin/setsid";

const at = (port: number) => ({ hostname: "127.0.0.1", port });
const NONE = { grpc: null, rest: null };

const OPTIONS = {
  gatewayUser: "",
  dataDir: "data",
  address: at(8080),
  restAddress: null,
};

const USERS = {
  gatewayUser: "",
  jobUser: "nobody",
  jobUserMap: "",
  jobUids: null,
  jobHomes: "",
  allowUsers: [],
};

Deno.test("gatewayRights() are none but to bind a port that only root may bind", async () => {
  const rights = { uid: 17, gid: 18 };
  const kept = async (port: number, restPort: number | null, inherited = NONE) => {
    const restAddress = restPort === null ? null : at(restPort);
    const words = await gatewayRights(rights, { address: at(port), restAddress, inherited });
    const [uid, gid, groups, ...others] = words.slice(words.indexOf("--reuid=17"));
    assert.deepEqual([uid, gid, groups], ["--reuid=17", "--regid=18", "--clear-groups"]);
    const [inherit, ambient, bound, ...last] = others;
    assert.deepEqual(last, ["--no-new-privs", "--"]);
    const [, list = ""] = (bound ?? "").split("=");
    assert.deepEqual([inherit, ambient, bound], [
      `--inh-caps=${list}`,
      `--ambient-caps=${list}`,
      `--bounding-set=${list}`,
    ]);
    return list;
  };
  const [none, one] = ["-all", "-all,+net_bind_service"];
  assert.equal(await kept(8080, 8443), none);
  assert.equal(await kept(1024, null), none);
  assert.equal(await kept(0, 0), none, "Any free port");
  assert.equal(await kept(1023, null), one);
  assert.equal(await kept(8080, 443), one);
  assert.equal(await kept(443, 8443, { grpc: 3, rest: null } as never), none);
  assert.equal(await kept(443, 444, { grpc: 3, rest: null } as never), one);
  assert.deepEqual(
    await gatewayRights(null, { address: at(443), restAddress: null, inherited: NONE }),
    [],
  );
});

Deno.test("findGatewayUser() takes the daemon's own user, and no name that nobody has", async () => {
  const own = Deno.uid() === 0 ? "root" : "nobody";
  assert.deepEqual(await findGatewayUser({ ...OPTIONS, gatewayUser: own }, SETSID), {
    rights: null,
    whyRoot: null,
  });
  const { rights, whyRoot } = await findGatewayUser(OPTIONS, SETSID);
  assert.equal(rights, null);
  assert.equal(whyRoot !== null, Deno.uid() === 0, "Nobody has asked for gateways of root");
  await assert.rejects(findGatewayUser({ ...OPTIONS, gatewayUser: "no-such-user" }, SETSID), {
    code: "failed_precondition",
    message: '--gateway-user "no-such-user": there is no user "no-such-user" on this machine',
  });
});

rootTest("findGatewayUser() takes no user that cannot get to the engine", async () => {
  await using directory = await temporaryDirectory();
  await Deno.chmod(directory.path, 0o755);
  const dataDir = `${directory.path}/data`;
  const find = (setsid = SETSID) =>
    findGatewayUser({ ...OPTIONS, dataDir, gatewayUser: "daemon" }, setsid);
  // As root in a container may be.
  const setsid = `${directory.path}/setsid`;
  await Deno.writeTextFile(
    setsid,
    '#!/bin/sh\nexec setpriv --bounding-set=-chown,-kill setsid "$@"\n',
    { mode: 0o755 },
  );
  await assert.rejects(find(setsid), {
    message: '--gateway-user "daemon": the daemon lacks what that takes: CAP_CHOWN, CAP_KILL',
  });
  await Deno.mkdir(dataDir, { mode: 0o750 });
  await assert.rejects(find(), { message: /another group .* run `chmod g= / });
  await Deno.chmod(dataDir, 0o700);
  await Deno.chmod(directory.path, 0o700);
  await assert.rejects(find(), { message: /that user may not read "\// });
});

rootTest(
  "checkUsers() lets no job run as the user that gateways run as, whatever its name",
  async () => {
    await using directory = await temporaryDirectory();
    const map = `${directory.path}/map`;
    await Deno.writeTextFile(map, "alice nobody\n* daemon\n", { mode: 0o600 });
    const check = (options: Partial<Parameters<typeof checkUsers>[0]>) =>
      checkUsers({ ...USERS, gatewayUser: "daemon", ...options }, SETSID);
    const message = /^--(job-user|allow-users) "daemon": .*act as any client/;
    await assert.rejects(check({ jobUser: "daemon" }), { code: "failed_precondition", message });
    const allowUsers = ["bin", "daemon"];
    await assert.rejects(check({ allowUsers }), { code: "failed_precondition", message });
    const inMap = /line 2 of the map .*user "daemon": .*act as any client/;
    await assert.rejects(check({ jobUser: "", jobUserMap: map }), { message: inMap });
    await check({ jobUser: "root", gatewayUser: "root" });
  },
);
