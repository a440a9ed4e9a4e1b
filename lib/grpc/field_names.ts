/** The fields whose names differ by more than their case. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  "start.offset": "offset",
  "start.lines": "tail_lines",
  "start.time": "since",
};

/**
 * The name that a field of a request has in the proto: `filter.startedAfter` is `filter.started_after`,
 * and `timeoutMs`, a duration there, is `timeout`. What is behind labels and variables are their names.
 */
export function protoField(field: string): string {
  const other = OTHER_NAMES[field];
  if (other !== undefined) return other;
  const ours = declared(field);
  const name = ours.replace(/Ms$/, "").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return name + field.slice(ours.length);
}

/** The field of the proto that a name is of: that of a label without the label's own name. */
export function protoFieldOf(field: string): string {
  return protoField(declared(field));
}

/** What a request calls it, without the names and numbers of what is in it. */
function declared(field: string): string {
  return /^.*?\b(?:labels|env)\b/.exec(field)?.[0] ?? field.replace(/\.\d+$/, "");
}
