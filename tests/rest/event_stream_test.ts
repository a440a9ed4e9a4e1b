import { eventsIn, type ServerEvent } from "../../lib/rest/event_stream.ts";
import { assert } from "../assert.ts";
import { fc } from "../random.ts";

async function read(...chunks: readonly Uint8Array[]): Promise<ServerEvent[]> {
  return await Array.fromAsync(eventsIn(ReadableStream.from(chunks)));
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("Events are read as the standard has it", async () => {
  const text = ":comment\n\ndata: one\n\nid: 7\r\nevent: gap\r\ndata:two\r\ndata:  three\r\n\r\n" +
    "unknown: x\n\nid\n\nid: 8\n\ndata\n\nretry: 1\n\ndata: half of an event";
  assert.deepEqual(await read(bytes(text)), [
    { id: "", type: "message", data: ["one"] },
    { id: "7", type: "gap", data: ["two", " three"] },
    { id: "", type: "message", data: [] },
    { id: "8", type: "message", data: [] },
    { id: "8", type: "message", data: [""] },
  ]);
});

Deno.test("It makes no difference how the bytes of events come in pieces", async () => {
  const whole = bytes("id: 1\ndata: ü😀\n\n:\n\nevent: end\ndata: {}\n\n");
  const expected = await read(whole);
  assert.equal(expected[0]?.data[0], "ü😀");
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(whole.length), { maxLength: 12 }), async (cuts) => {
      const ends = [...cuts.toSorted((one, other) => one - other), whole.length];
      const chunks = ends.map((end, index) => whole.slice(ends[index - 1] ?? 0, end));
      assert.deepEqual(await read(...chunks), expected);
    }),
  );
});
