import { type Candidate, notPlaced, placementFor } from "../../lib/fleet/placement.ts";
import { HOST_OFFLINE } from "../../lib/fleet/transport.ts";
import { assert } from "../assert.ts";

function host(name: string, used: number, more: Partial<Candidate> = {}): Candidate {
  return { name, labels: { role: "web" }, slots: 4, used, isOnline: true, ...more };
}

const ANY = { host: "", labels: {} };
const WEB = { host: "", labels: { role: "web" } };

function namesFor(candidates: readonly Candidate[], on = ANY): string[] {
  return placementFor(candidates, on).places.map(({ name }) => name);
}

Deno.test("placementFor() begins with the host that has most to spare, in proportion", () => {
  const hosts = [
    host("a", 3),
    host("b", 1),
    host("c", 10, { slots: 100, labels: { role: "db" } }),
    host("d", 2),
  ];
  assert.deepEqual(namesFor(hosts), ["c", "b", "d", "a"]);
  assert.deepEqual(namesFor(hosts, WEB), ["b", "d", "a"]);
  assert.deepEqual(namesFor(hosts, { host: "a", labels: {} }), ["a"]);
});

Deno.test("placementFor() passes over hosts that are full or offline", () => {
  const hosts = [host("a", 4), host("b", 0, { isOnline: false }), host("c", 3)];
  assert.deepEqual(namesFor(hosts), ["c"]);
});

Deno.test("placementFor() says why there is no place", () => {
  const full = [host("a", 4), host("b", 5), host("c", 0, { isOnline: false })];
  const offline = [host("a", 0, { isOnline: false })];
  const cases: [readonly Candidate[], typeof ANY, object][] = [
    [full, WEB, {
      code: "resource_exhausted",
      message: "Cannot place the job: 2 of 3 hosts of role=web are full, 1 is offline",
    }],
    [full.slice(0, 1), ANY, {
      code: "resource_exhausted",
      message: "Cannot place the job: 1 of 1 host is full",
    }],
    [offline, { host: "a", labels: {} }, {
      code: "unavailable",
      reason: HOST_OFFLINE,
      message: 'Cannot place the job: host "a" is offline',
    }],
    [full, { host: "a", labels: { role: "web" } }, {
      code: "resource_exhausted",
      message: 'Cannot place the job: host "a" is full',
    }],
    [full, { host: "", labels: { zone: "mars" } }, {
      code: "failed_precondition",
      field: "on.labels",
      message: "Cannot place the job: no host has zone=mars",
    }],
    [full, { host: "d", labels: { role: "web" } }, {
      code: "failed_precondition",
      field: "on.host",
      message: 'Cannot place the job: no host is "d" and has role=web',
    }],
    [[], ANY, {
      code: "failed_precondition",
      message: "Cannot place the job: the fleet has no hosts",
    }],
  ];
  for (const [candidates, on, expected] of cases) {
    const placement = placementFor(candidates, on);
    assert.deepEqual(placement.places, []);
    const { code, reason, field, message } = notPlaced(placement, on);
    assert.deepEqual({ code, reason, field, message }, {
      reason: undefined,
      field: undefined,
      ...expected,
    });
  }
});
