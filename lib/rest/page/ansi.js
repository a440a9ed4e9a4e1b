/**
 * The colours of terminals, as class names. Only SGR (ECMA-48, 8.3.117) is understood; every other
 * control sequence is dropped.
 *
 * @module
 */

const ESC = "\u001b";
const BEL = "\u0007";

/** CSI with its parameters and final character; OSC up to its end; two characters; or a truncated sequence. */
const CONTROL = new RegExp(
  [
    "\r",
    `${ESC}\\[([0-9:;<=>?]*)[ -/]*(?:([@-~])|$)`,
    `${ESC}\\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\\\|$)`,
    `${ESC}[^\\[\\]]?`,
    ESC,
  ].join("|"),
  "gs",
);

const MARKS = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const CLEARS = {
  22: ["bold", "dim"],
  23: ["italic"],
  24: ["underline"],
  27: ["inverse"],
  29: ["strike"],
  39: ["fg"],
  49: ["bg"],
};

/**
 * Splits a line into runs of one style.
 *
 * @param {string} line the text after a carriage return overwrites the text before it
 * @param {Readonly<Record<string, string>>} style the style at its beginning: class names, by their purpose
 * @returns {{ runs: { text: string, classes: string }[], style: Readonly<Record<string, string>> }}
 * the runs, and the style at the end
 */
export function styled(line, style) {
  const text = line.replace(/\r+$/, "");
  let runs = [];
  let position = 0;
  const take = (end) => {
    const classes = Object.values(style).join(" ");
    if (end > position) runs.push({ text: text.slice(position, end), classes });
  };
  for (const match of text.matchAll(CONTROL)) {
    take(match.index);
    position = match.index + match[0].length;
    if (match[0] === "\r") runs = [];
    else if (match[2] === "m") style = restyled(style, match[1].split(/[;:]/).map(Number));
  }
  take(text.length);
  return { runs, style };
}

function restyled(before, parameters) {
  let style = { ...before };
  const rest = [...parameters];
  while (rest.length > 0) {
    const code = rest.shift();
    if (code === 0) style = {};
    else if (code in MARKS) style[MARKS[code]] = MARKS[code];
    else if (code in CLEARS) { for (const key of CLEARS[code]) delete style[key]; }
    else {
      const key = code % 60 < 40 ? "fg" : "bg";
      const colour = [38, 48].includes(code) ? extended(rest) : basic(code);
      if (colour !== null) style[key] = `${key}-${colour}`;
    }
  }
  return style;
}

/** The codes 30 to 37 and 40 to 47, and for bright colours 90 to 97 and 100 to 107. */
function basic(code) {
  const colour = code % 10;
  if (colour > 7) return null;
  if ([3, 4].includes(Math.floor(code / 10))) return colour;
  return [9, 10].includes(Math.floor(code / 10)) ? colour + 8 : null;
}

/** `5;n` or `2;r;g;b`, as the nearest of the sixteen colours of the style sheet. */
function extended(rest) {
  const kind = rest.shift();
  if (kind === 2) return nearest(...rest.splice(0, 3));
  if (kind !== 5) return null;
  const index = rest.shift() ?? 0;
  if (index < 16) return index;
  if (index >= 232) return nearest(...Array(3).fill((index - 232) * 10 + 8));
  const cube = index - 16;
  return nearest(...[cube / 36, cube / 6 % 6, cube % 6].map((level) => Math.floor(level) * 51));
}

function nearest(red = 0, green = 0, blue = 0) {
  const most = Math.max(red, green, blue);
  if (most < 64) return 0;
  const bits = [red, green, blue].map((level, bit) => level > most / 2 ? 1 << bit : 0);
  const hue = bits[0] + bits[1] + bits[2];
  if (hue === 7) return most < 128 ? 8 : most < 224 ? 7 : 15;
  return most < 192 ? hue : hue + 8;
}
