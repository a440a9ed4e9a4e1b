/** The fields whose names differ in more than their case. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  "start.offset": "offset",
  "start.lines": "tail_lines",
  "start.time": "since",
};

/**
 * The name of a field of a request in the proto: `filter.startedAfter` is `filter.started_after`, and
 * `timeoutMs`, a duration there, is `timeout`. The names of labels and variables follow unchanged.
 */
export function protoField(field: string): string {
  const other = OTHER_NAMES[field];
  if (other !== undefined) return other;
  const ours = declared(field);
  const name = ours.replace(/Ms$/, "").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return name + field.slice(ours.length);
}

/** The field of the proto for a name, without the name of a label in it. */
export function protoFieldOf(field: string): string {
  return protoField(declared(field));
}

/** Its name in a request, without the keys and indexes inside it. */
function declared(field: string): string {
  return /^.*?\b(?:labels|env)\b/.exec(field)?.[0] ?? field.replace(/\.\d+$/, "");
}
