import { JobWorkerError } from "../errors.ts";

/** A server-sent event: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export interface ServerEvent {
  /** The last id that was sent; `""` if there was none. */
  readonly id: string;
  /** `message` unless it was said otherwise. */
  readonly type: string;
  /** Its lines of data, in the order in which they came. An event that only tells of its id has none. */
  readonly data: readonly string[];
}

/** The longest line, in UTF-16 code units: more than a job with the largest command has. */
const MAX_LINE_LENGTH = 64 * 1024 * 1024;

/**
 * The events in a stream of bytes. What comes after the last empty line is no event, as the standard has it.
 *
 * @throws {JobWorkerError} `internal` for a line that is too long
 */
export async function* eventsIn(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerEvent, void, undefined> {
  let id = "";
  let type = "message";
  let data: string[] = [];
  let isEmpty = true;
  for await (const line of linesIn(chunks)) {
    if (line === "") {
      if (!isEmpty) yield { id, type, data };
      [type, data, isEmpty] = ["message", [], true];
      continue;
    }
    const [, name = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "id") id = value;
    else if (name === "event") type = value;
    else if (name === "data") data.push(value);
    else continue;
    isEmpty = false;
  }
}

async function* linesIn(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE_LENGTH) {
      throw new JobWorkerError(
        "internal",
        `Cannot understand the answer of the daemon: a line has more than ${MAX_LINE_LENGTH} characters`,
      );
    }
    for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
}
