/**
 * What strace(1) saw, in the order in which it happened.
 *
 * @module
 */

import { resolve } from "node:path";

/** A system call, once when it begins and once when it has ended. */
export interface SystemCall {
  readonly name: string;
  readonly at: "begin" | "end";
  /** The same for both. */
  readonly id: number;
  /** In milliseconds since the Unix epoch. */
  readonly time: number;
  /** Absolute. */
  readonly paths: readonly string[];
  readonly data: Uint8Array<ArrayBuffer>;
  /** The last number among the arguments: an offset, or a size. */
  readonly number: number;
  /** The arguments without those. */
  readonly flags: string;
  /** As the call returns it; `-1` for an error; 0 while it is under way. */
  readonly result: number;
}

/** The calls that change what is on a disk. */
const TRACED = [
  ...["openat", "mkdir", "rename", "link", "linkat", "unlink", "unlinkat", "rmdir"],
  ...["write", "pwrite64", "ftruncate", "fsync", "fdatasync"],
];

/** Calls by which files could be changed unseen: none is expected. */
const UNEXPECTED = [
  ...["creat", "mkdirat", "renameat", "renameat2", "writev", "pwritev"],
  ...["pwritev2", "truncate", "fallocate", "copy_file_range", "sendfile", "splice"],
];

/** The arguments of strace(1) before those of the program. */
export function straceArgs(into: string, more: readonly string[] = []): string[] {
  return [
    ...["-f", "--seccomp-bpf", "-y", "-ttt", "-xx", "-s", "4000000", "-o", into],
    ...["-e", `trace=${[...TRACED, ...UNEXPECTED].join(",")}`, ...more],
  ];
}

/** Reads a trace. Calls that were cut by the end of the program are left out at their end. */
export function* systemCalls(trace: string): Generator<SystemCall> {
  const underWay = new Map<string, { text: string; id: number }>();
  let id = 0;
  for (const line of trace.split("\n")) {
    const [, pid = "", seconds = "", rest = ""] = /^(\d+) +(\d+\.\d+) (.*)$/.exec(line) ?? [];
    const time = Number(seconds) * 1000;
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
    if (resumed !== undefined) {
      const begun = underWay.get(pid);
      underWay.delete(pid);
      if (begun !== undefined) yield callOf(begun.text + resumed, "end", begun.id, time);
      continue;
    }
    if (!/^\w+\(/.test(rest)) continue;
    id++;
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(rest)?.[1];
    yield callOf(unfinished ?? rest, "begin", id, time);
    if (unfinished === undefined) yield callOf(rest, "end", id, time);
    else underWay.set(pid, { text: unfinished, id });
  }
}

function callOf(text: string, at: SystemCall["at"], id: number, time: number): SystemCall {
  const name = /^\w+/.exec(text)?.[0] ?? "";
  if (UNEXPECTED.includes(name)) throw new Error(`A call that is not understood: ${text}`);
  const [args = "", result = ""] = text.split(/\) += (?=[-?\d])/);
  const strings = Array.from(
    args.matchAll(/[<"]((?:\\x[0-9a-f]{2})*)[>"]/g),
    (match) => match[1] ?? "",
  );
  const isWrite = name === "write" || name === "pwrite64";
  return {
    name,
    at,
    id,
    time,
    paths: pathsOf(name, isWrite ? strings.slice(0, 1) : strings),
    data: isWrite ? bytesOf(strings[1] ?? "") : new Uint8Array(0),
    number: Number(/(\d+)$/.exec(args)?.[1] ?? 0),
    flags: isWrite ? "" : args.replaceAll(/[<"][^>"]*[>"]/g, ""),
    result: at === "begin" ? 0 : Number.parseInt(result),
  };
}

/** A path may be relative to the directory of the descriptor before it. */
function pathsOf(name: string, strings: readonly string[]): string[] {
  const texts = strings.map((hex) => new TextDecoder().decode(bytesOf(hex)));
  if (!name.endsWith("at")) return texts;
  return texts.flatMap((text, index) =>
    index % 2 === 1 ? resolve(texts[index - 1] ?? "", text) : []
  );
}

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(hex.replaceAll("\\x", ""));
}

/** Why a test that needs strace(1) cannot run here; `""` if it can. */
export const NO_STRACE: string = await whyNot();

async function whyNot(): Promise<string> {
  try {
    const { success } = await new Deno.Command("strace", { args: ["-f", "true"] }).output();
    return success ? "" : " (skipped: strace may not trace here)";
  } catch {
    return " (skipped: needs the package strace)";
  }
}
