import { findGatewayUser, gatewayRights } from "../../lib/daemon/gateway_user.ts";
import { assert } from "../assert.ts";
import { rootTest } from "../root.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

const SETSID = "/usr/bin/setsid";

const at = (port: number) => ({ hostname: "127.0.0.1", port });
const NONE = { grpc: null, rest: null };

const OPTIONS = {
  gatewayUser: "",
  jobUser: "",
  allowUsers: [],
  dataDir: "data",
  address: at(8080),
  restAddress: null,
};

Deno.test("gatewayRights() are none but to bind a port that only root may bind", async () => {
  const rights = { uid: 17, gid: 18 };
  const kept = async (port: number, restPort: number | null, inherited = NONE) => {
    const restAddress = restPort === null ? null : at(restPort);
    const words = await gatewayRights(rights, { address: at(port), restAddress, inherited });
    const [, uid, gid, groups, ...others] = words;
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

rootTest(
  "findGatewayUser() takes no user that jobs may run as, and none who could not be a gateway",
  async () => {
    await using directory = await temporaryDirectory();
    await Deno.chmod(directory.path, 0o755);
    const dataDir = `${directory.path}/data`;
    const find = (jobUser: string, ...allowUsers: string[]) =>
      findGatewayUser({ ...OPTIONS, dataDir, gatewayUser: "daemon", jobUser, allowUsers }, SETSID);
    const message = /act as any client/;
    await assert.rejects(find("daemon"), { code: "failed_precondition", message });
    await assert.rejects(find("nobody", "bin", "daemon"), { code: "failed_precondition", message });
    // As root in a container may be.
    const setsid = `${directory.path}/setsid`;
    await Deno.writeTextFile(
      setsid,
      '#!/bin/sh\nexec setpriv --bounding-set=-chown,-kill setsid "$@"\n',
      { mode: 0o755 },
    );
    const options = { ...OPTIONS, dataDir, gatewayUser: "daemon", jobUser: "nobody" };
    await assert.rejects(findGatewayUser(options, setsid), {
      message: '--gateway-user "daemon": the daemon lacks what that takes: CAP_CHOWN, CAP_KILL',
    });
    await Deno.mkdir(dataDir, { mode: 0o750 });
    await assert.rejects(find("nobody"), { message: /another group .* run `chmod g= / });
    await Deno.chmod(dataDir, 0o700);
    await Deno.chmod(directory.path, 0o700);
    await assert.rejects(find("nobody"), { message: /that user may not read "\// });
  },
);
