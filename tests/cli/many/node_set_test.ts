import { nodeSet } from "../../../lib/cli/many/node_set.ts";
import { assert } from "../../assert.ts";

function web(...numbers: readonly number[]): string[] {
  return numbers.map((number) => `web-${number}`);
}

Deno.test("nodeSet() is short where names are numbered", () => {
  assert.equal(nodeSet(["web-1"]), "web-1");
  assert.equal(nodeSet(web(1, 2, 3)), "web-[1-3]");
  assert.equal(nodeSet(web(10, 2, 9, 1)), "web-[1-2,9-10]");
  assert.equal(nodeSet(["web-1", "db", "web-2", "db-7-a", "db-8-a"]), "db,db-[7-8]-a,web-[1-2]");
  const thousand = Array.from({ length: 1000 }, (_, index) => `web-${index + 1}`);
  assert.equal(nodeSet(thousand.toReversed()), "web-[1-1000]");
  assert.equal(nodeSet([]), "");
});

Deno.test("nodeSet() keeps leading zeros, and never one name for two", () => {
  assert.equal(nodeSet(["n01", "n02", "n10"]), "n10,n[01-02]");
  assert.equal(nodeSet(["n1", "n01", "n001"]), "n001,n01,n1");
  assert.equal(nodeSet(["a1b2", "a1b3", "a2b2"]), "a1b[2-3],a2b2");
  const long = ["x12345678901234567890", "x12345678901234567891"];
  assert.equal(nodeSet(long), long.join(","));
});
