import { styled } from "../../lib/rest/page/ansi.js";
import { assert } from "../assert.ts";

const E = "\u001b";

/** The runs of a line, each as its text and its classes. */
function runsOf(line: string, style: Readonly<Record<string, string>> = {}): [string, string][] {
  return styled(line, style).runs.map(({ text, classes }) => [text, classes]);
}

Deno.test("styled() gives each run the classes of its colours and marks", () => {
  assert.deepEqual(runsOf(`a${E}[1;31mb${E}[22;44mc${E}[39;49md${E}[me`), [
    ["a", ""],
    ["b", "bold fg-1"],
    ["c", "fg-1 bg-4"],
    ["d", ""],
    ["e", ""],
  ]);
  assert.deepEqual(runsOf(`${E}[97;103mx`), [["x", "fg-15 bg-11"]]);
});

Deno.test("styled() maps every colour to the nearest of sixteen", () => {
  assert.deepEqual(runsOf(`${E}[38;5;9ma${E}[38;5;196mb${E}[38;2;0;120;0mc${E}[48;5;232;1md`), [
    ["a", "fg-9"],
    ["b", "fg-9"],
    ["c", "fg-2"],
    ["d", "fg-2 bg-0 bold"],
  ]);
});

Deno.test("styled() goes on with the style that the line before ended in", () => {
  const { style } = styled(`${E}[3;35mx`, {});
  assert.deepEqual(runsOf(`y${E}[23mz`, style), [["y", "italic fg-5"], ["z", "fg-5"]]);
});

Deno.test("styled() drops every other control sequence, whole or cut off", () => {
  const title = `${E}]0;title\u0007`;
  const link = `${E}]8;;https://example.com${E}\\`;
  assert.deepEqual(
    runsOf(`${title}a${link}b${E}[2Kc${E}(d`).map(([text]) => text).join(""),
    "abcd",
  );
  for (const cut of [E, `${E}[`, `${E}[1;3`, `${E}]0;ti`]) {
    assert.deepEqual(runsOf(`a${cut}`), [["a", ""]]);
  }
});

Deno.test("styled() shows what a carriage return leaves of a line", () => {
  assert.deepEqual(runsOf(`10%\r${E}[32m100%\r`), [["100%", "fg-2"]]);
});
