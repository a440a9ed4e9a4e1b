import { CONTRACTS, type Definition, lookUp, resolve } from "../../lib/grpc/contracts.ts";
import { assert } from "../assert.ts";

Deno.test("resolve() finds what is nearest around, as protobuf does", () => {
  const inner: Definition = { fields: { near: { id: 1, type: "Other" } } };
  const outer: Definition = { fields: {}, nested: { Inner: inner, Other: { fields: {} } } };
  const far: Definition = { fields: {} };
  const root: Definition = { nested: { a: { nested: { Outer: outer, Other: far } } } };
  const path = resolve([root], "a.Outer.Inner");
  assert.equal(path.at(-1), inner);
  assert.equal(resolve(path, "Other").at(-1), outer.nested?.["Other"]);
  assert.equal(resolve([root], "a.Other").at(-1), far);
  assert.equal(resolve(path, "a.Other").at(-1), far);
  assert.equal(resolve(path, "Outer.Inner").at(-1), inner);
  assert.equal(lookUp(path, "string"), null);
  assert.equal(lookUp(path, "Inner.Other"), null);
  assert.throws(() => resolve(path, "Nothing"), /^TypeError: Nothing is not in the contracts$/);
});

Deno.test("Every type that the contracts name is in them, or one of those without a definition", () => {
  const visit = (path: readonly Definition[]) => {
    const { nested = {}, methods = {}, fields = {} } = path.at(-1) ?? {};
    for (const { requestType, responseType } of Object.values(methods)) {
      assert.ok(resolve(path, requestType).at(-1)?.fields);
      assert.ok(resolve(path, responseType).at(-1)?.fields);
    }
    for (const { type } of Object.values(fields)) {
      if (lookUp(path, type) === null) {
        assert.match(type, /^(string|bytes|bool|double|u?int(32|64))$/);
      }
    }
    for (const definition of Object.values(nested)) visit([...path, definition]);
  };
  visit([CONTRACTS]);
});
