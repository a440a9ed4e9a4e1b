import { unitFiles } from "../../lib/daemon/units.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

for (const systemd of ["system", "user"] as const) {
  Deno.test(`systemd finds nothing wrong with the unit of nats-server for a ${systemd}`, async (test) => {
    await using home = await temporaryDirectory();
    const directory = `${home.path}/with space`;
    await Deno.mkdir(directory);
    const units = unitFiles({ directory, systemd, jobUser: null, isHub: true }, () => undefined);
    const { name = "", text = "" } = units.find(({ name }) => name.startsWith("nats")) ?? {};
    await Deno.writeTextFile(`${directory}/${name}`, text);
    try {
      const { code, stderr } = await new Deno.Command("systemd-analyze", {
        args: ["verify", "--man=no", `--${systemd}`, `${directory}/${name}`],
        // The manager of a user wants to know where its directories are.
        env: { LANG: "C.UTF-8", XDG_RUNTIME_DIR: home.path },
      }).output();
      assert.deepEqual([code, new TextDecoder().decode(stderr)], [0, ""]);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      await test.step({ name: "needs systemd-analyze", ignore: true, fn: () => {} });
    }
  });
}
