import { cgroupRoot, raceShutdown } from "../../worker/races.ts";

for (const cgroups of await cgroupRoot() === null ? [false] : [true, false]) {
  const where = cgroups ? "cgroups" : "process groups";
  Deno.test(`Twenty shutdowns that race starts, stops and ends leave one end of each job in ${where}`, () =>
    raceShutdown({ rounds: 20, cgroups }));
}
