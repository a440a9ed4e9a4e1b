import { assert } from "../assert.ts";
import { generate, generateTypes } from "../../lib/grpc/gen/generate.ts";

for (const [name, text] of Object.entries(generate())) {
  Deno.test(`lib/grpc/gen/${name} is what \`deno task proto\` writes`, async () => {
    const url = new URL(`../../lib/grpc/gen/${name}`, import.meta.url);
    assert.equal(await Deno.readTextFile(url), text);
  });
}

Deno.test("generateTypes() knows messages, enums, maps, oneofs and imported messages", () => {
  const types = generateTypes(`
    syntax = "proto3";
    package test.v1;
    import "google/protobuf/timestamp.proto";
    message Outer {
      enum Kind { NONE = 0; SOME = 1; }
      message Inner { bytes data = 1; }
      Kind kind = 1;
      repeated Inner many_inner = 2;
      map<string, uint64> counts = 3;
      google.protobuf.Timestamp at = 4;
      oneof choice { bool yes_or_no = 5; Inner inner = 6; }
    }
    service Things { rpc Get(Outer) returns (stream Outer.Inner); }
  `);
  for (
    const part of [
      "readonly kind: Outer_Kind;",
      "readonly manyInner: readonly Outer_Inner[];",
      "readonly counts: Readonly<Record<string, number>>;",
      "readonly at: Timestamp | null;",
      '| { readonly choice: "yesOrNo"; readonly yesOrNo: boolean }',
      '| { readonly choice: "inner"; readonly inner: Outer_Inner }',
      'export type Outer_Kind =\n  | "NONE"\n  | "SOME"\n  | number;',
      "export interface Outer_Inner {\n  readonly data: Uint8Array<ArrayBuffer>;\n}",
      "export interface Timestamp {\n  readonly seconds: number;\n  readonly nanos: number;\n}",
      "export interface ThingsMethods {\n  readonly Get: {\n    readonly request: Outer;",
    ]
  ) {
    assert.ok(types.includes(part), `${part}\nis not in\n${types}`);
  }
});

Deno.test("generateTypes() refuses a contract without a package", () => {
  assert.throws(() => generateTypes('syntax = "proto3"; message A {}'), /has no package/);
});
