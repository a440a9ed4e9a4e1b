import {
  readFleetHosts,
  readFleetSettings,
  writeFleetHost,
  writeFleetSettings,
} from "../../lib/fleet/fleet_files.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

const HOST = {
  host: "web-1",
  labels: { role: "web" },
  slots: 8,
  tlsCert: "cert",
  signCert: "cert",
  sealKey: "AAAA",
};

Deno.test("The files of a fleet say what was written, hosts in the order of their names", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  await Deno.mkdir(`${path}/hosts`);
  const settings = { fleet: "main", hub: "hub", nats: ["hub.example:4222", "[::1]:4222"] };
  await writeFleetSettings(path, settings);
  assert.deepEqual(await readFleetSettings(path), settings);
  assert.deepEqual(await readFleetHosts(path), []);
  const others = { ...HOST, host: "db-1", labels: {}, slots: 1 };
  for (const host of [HOST, others]) await writeFleetHost(path, host);
  assert.deepEqual(await readFleetHosts(path), [others, HOST]);
  await writeFleetHost(path, { ...HOST, slots: 9 });
  assert.equal((await readFleetHosts(path))[1]?.slots, 9);
});

Deno.test("A file of a fleet that says nonsense is refused by name", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  await Deno.mkdir(`${path}/hosts`);
  const file = `${path}/hosts/web-1.json`;
  const cases: [unknown, RegExp][] = [
    [{ ...HOST, slots: 0 }, /Invalid slots 0: must be a whole number from 1 to 1000000$/],
    [{ ...HOST, slots: 1.5 }, /Invalid slots 1\.5: must be a whole number/],
    [{ ...HOST, slots: "8" }, /Invalid slots "8": must be a whole number/],
    [{ ...HOST, labels: { "-": "x" } }, /Invalid labels: the name "-" must be/],
    [{ ...HOST, labels: { role: 1 } }, /Invalid labels\.role 1: must be a string/],
    [{ ...HOST, host: "web-2" }, /it is about the host "web-2"$/],
    [{ ...HOST, host: "../x" }, /Invalid host "\.\.\/x": must be 1 to 63 of/],
    [{ ...HOST, more: 1 }, /has no field "more"/],
  ];
  for (const [host, message] of cases) {
    await Deno.writeTextFile(file, JSON.stringify({ version: 1, ...Object(host) }));
    await assert.rejects(readFleetHosts(path), { code: "failed_precondition", message });
    await assert.rejects(readFleetHosts(path), { message: new RegExp(`^Cannot use "${file}": `) });
  }
  await Deno.writeTextFile(file, JSON.stringify({ version: 1, ...HOST }));
  await Deno.chmod(file, 0o666);
  await assert.rejects(readFleetHosts(path), { message: /others than its owner may change it/ });
  await assert.rejects(readFleetSettings(path), { message: /fleet\.json": no such file/ });
});
