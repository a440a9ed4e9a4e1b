import { EXPOSURE, REMAINING, withExposureTable } from "../../build/exposure.ts";
import { PERMISSIONS_PAGE } from "../../build/rights.ts";
import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

Deno.test("docs/permissions.md says why each point of systemd's analysis stays: `deno task docs`", async () => {
  const page = await Deno.readTextFile(PERMISSIONS_PAGE);
  assert.equal(page, withExposureTable(page));
});

/** What the tool finds; `null` where it is not installed, or too old to look at files. */
async function analyze(hardened: boolean): Promise<{ points: string[]; exposure: number } | null> {
  await using directory = await temporaryDirectory();
  const unit = `${directory.path}/worker-daemon.service`;
  await Deno.copyFile(`${ROOT}deploy/worker-daemon.service`, unit);
  await Deno.mkdir(`${unit}.d`);
  if (hardened) await Deno.copyFile(`${ROOT}deploy/hardened.conf`, `${unit}.d/hardened.conf`);
  const run = async (...options: readonly string[]) => {
    const { success, stdout, stderr } = await new Deno.Command("systemd-analyze", {
      args: ["security", "--offline=yes", "--no-pager", ...options, unit],
      env: { LANG: "C.UTF-8" },
    }).output();
    const [text = "", errors = ""] = [stdout, stderr].map((bytes) =>
      new TextDecoder().decode(bytes)
    );
    // It only mentions what it does not know.
    assert.deepEqual([success, errors], [true, ""]);
    return text;
  };
  try {
    const found: { name: string; exposure: string | null }[] = JSON.parse(
      await run("--json=short"),
    );
    const points = found.filter(({ exposure }) => Number(exposure ?? 0) > 0).map(({ name }) =>
      name
    );
    const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(await run()) ?? [];
    return { points, exposure: Number(exposure) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

for (const kind of ["unit", "hardened"] as const) {
  Deno.test(`systemd finds no more to bound in the ${kind} than docs/permissions.md gives reasons for`, async (test) => {
    const analysis = await analyze(kind === "hardened");
    if (analysis === null) {
      await test.step({ name: "needs systemd-analyze", ignore: true, fn: () => {} });
      return;
    }
    const expected = REMAINING.filter(({ isLasting }) => isLasting || kind === "unit");
    const known = expected.flatMap(({ points }) => points).toSorted();
    assert.equal(new Set(known).size, known.length, "Each has one reason");
    assert.deepEqual(analysis.points.toSorted(), known);
    assert.ok(analysis.exposure <= EXPOSURE[kind], `${analysis.exposure}`);
  });
}
