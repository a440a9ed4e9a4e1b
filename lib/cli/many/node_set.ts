/** A name, around the last number in it. */
interface Parts {
  readonly before: string;
  readonly digits: string;
  readonly after: string;
}

/** The names with the same text around their number, whose digits are as many where there are leading zeros. */
interface Family extends Parts {
  readonly numbers: { readonly number: number; readonly digits: string }[];
}

/** The most digits that are taken for a number. */
const MAX_DIGITS = 15;

/**
 * Many names as a text that is short where they are numbered, as clush has it: `db,web-[1-40,42]`. They come in the
 * order of their texts and numbers.
 */
export function nodeSet(names: readonly string[]): string {
  const families = new Map<string, Family>();
  for (const name of names) {
    const parts = partsOf(name);
    const { before, digits, after } = parts;
    const width = digits.startsWith("0") ? digits.length : 0;
    const key = JSON.stringify([before, after, digits === "" ? "" : width]);
    const family = families.get(key) ?? { ...parts, numbers: [] };
    families.set(key, family);
    family.numbers.push({ number: Number(digits), digits });
  }
  return [...families.values()].map(familyText).sort().join(",");
}

function partsOf(name: string): Parts {
  const [, before = name, digits = "", after = ""] = /^(.*?)(\d+)(\D*)$/.exec(name) ?? [];
  if (digits.length > MAX_DIGITS) return { before: name, digits: "", after: "" };
  return { before, digits, after };
}

function familyText({ before, after, digits, numbers }: Family): string {
  if (digits === "" || numbers.length === 1) return before + digits + after;
  const sorted = numbers.toSorted((a, b) => a.number - b.number);
  const ranges: { first: string; last: string; number: number }[] = [];
  for (const { number, digits } of sorted) {
    const range = ranges.at(-1);
    if (range !== undefined && number === range.number + 1) {
      range.last = digits;
      range.number = number;
    } else ranges.push({ first: digits, last: digits, number });
  }
  const texts = ranges.map(({ first, last }) => first === last ? first : `${first}-${last}`);
  return `${before}[${texts.join(",")}]${after}`;
}
