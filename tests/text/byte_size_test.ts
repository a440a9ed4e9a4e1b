import { assertEquals, assertThrows } from "@std/assert";
import { formatByteSize, parseByteSize } from "../../lib/text/byte_size.ts";
import { JobWorkerError } from "../../lib/errors.ts";

Deno.test("parseByteSize() reads numbers with and without a unit", () => {
  const sizes: [string, number][] = [
    ["0", 0],
    ["4096", 4_096],
    ["12B", 12],
    ["1K", 1_024],
    ["1kb", 1_024],
    ["1Ki", 1_024],
    ["1.5MiB", 1_572_864],
    ["256 MiB", 268_435_456],
    ["10g", 10 * 2 ** 30],
    ["2TiB", 2 ** 41],
    ["0.001K", 1],
  ];
  for (const [text, bytes] of sizes) assertEquals(parseByteSize(text), bytes, text);
});

Deno.test("parseByteSize() takes no more bytes than can be counted", () => {
  assertEquals(parseByteSize("8191TiB"), 8191 * 2 ** 40);
  for (const text of ["8192TiB", "9000000TiB", `${2 ** 53}`]) {
    const message = `Size "${text}" is too large: the limit is 8191TiB`;
    const error = assertThrows(() => parseByteSize(text), JobWorkerError);
    assertEquals([error.code, error.message], ["invalid_argument", message]);
  }
});

Deno.test("parseByteSize() refuses everything else, and says what it accepts", () => {
  for (
    const text of ["", "K", "-1", "1.K", ".5K", "1e3", "1 2", "1PiB", "1KiBs", "∞"]
  ) {
    const start = `Size ${JSON.stringify(text)} is not valid: `;
    const error = assertThrows(() => parseByteSize(text), JobWorkerError, start, text);
    assertEquals(error.code, "invalid_argument");
  }
});

Deno.test("formatByteSize() uses the largest unit of which there is one", () => {
  const sizes: [number, string][] = [
    [0, "0B"],
    [1_023, "1023B"],
    [1_024, "1KiB"],
    [1_536, "1.5KiB"],
    [268_435_456, "256MiB"],
    [10 * 2 ** 30, "10GiB"],
    [5_000 * 2 ** 40, "5000TiB"],
  ];
  for (const [bytes, text] of sizes) assertEquals(formatByteSize(bytes), text);
  // Just below a unit it rounds up to 1024 of the smaller one.
  assertEquals(formatByteSize(2 ** 20 - 1), "1024KiB");
});
