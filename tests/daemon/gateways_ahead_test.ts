import { GatewaysAhead } from "../../lib/daemon/gateways_ahead.ts";
import { assert } from "../assert.ts";
import { until } from "../worker/fixture.ts";
import { LISTENING, TestKeeper } from "./gateway_keeper_fixture.ts";

/** Waits until a gateway has been started. */
async function begun({ path }: TestKeeper): Promise<void> {
  await until(() => Deno.stat(`${path}/begun`).then(() => true, () => false));
}

const REFUSAL = {
  method: "login",
  peer: "p",
  user: "u",
  fingerprint: "",
  why: "w",
  unreported: 0,
};
const REFUSED = JSON.stringify({ kind: "refused", refusal: REFUSAL });

Deno.test("GatewaysAhead starts gateways before there is an engine for them to serve", async () => {
  await using fixture = await TestKeeper.create(`${LISTENING}\\n${REFUSED}`);
  await using ahead = new GatewaysAhead(fixture.options);
  await begun(fixture);
  assert.deepEqual([await fixture.told(), fixture.restored], [[], 0]);
  await using keeper = await ahead.serve(fixture.engine);
  assert.deepEqual([keeper.alive, fixture.restored], [1, 1]);
  await until(() => Promise.resolve(fixture.refusals.length === 1));
  assert.deepEqual(fixture.refusals, [REFUSAL]);
  // They are not its own any more.
  await ahead[Symbol.asyncDispose]();
  assert.equal(keeper.alive, 1);
});

Deno.test("Whoever is turned away while the daemon ends is told of, and keeps it from nothing", async () => {
  await using fixture = await TestKeeper.create(LISTENING);
  await Deno.writeTextFile(`${fixture.path}/last`, `${REFUSED}\n`);
  await using ahead = new GatewaysAhead(fixture.options);
  const keeper = await ahead.serve(fixture.engine);
  fixture.ending.abort(new Error("SIGTERM"));
  await keeper[Symbol.asyncDispose]();
  assert.deepEqual(fixture.refusals, [REFUSAL]);
});

Deno.test("GatewaysAhead ends gateways that no engine has come for, and says what keeps them from serving", async () => {
  await using fixture = await TestKeeper.create(LISTENING);
  {
    await using _ahead = new GatewaysAhead(fixture.options);
    await begun(fixture);
  }
  assert.deepEqual(await fixture.told(), []);
  const files = { ...fixture.options.files, cert: `${fixture.path}/missing` };
  await using ahead = new GatewaysAhead({ ...fixture.options, files });
  await assert.rejects(ahead.serve(fixture.engine), /missing/);
  assert.deepEqual(await fixture.told(), []);
});
