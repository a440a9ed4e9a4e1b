/**
 * A disk that forgets what was not flushed.
 *
 * @module
 */

import { dirname } from "node:path";
import type { SystemCall } from "./system_calls.ts";

/** What a power cut leaves of what was not flushed. */
export type Remains =
  /** Nothing. */
  | "flushed"
  /** Names and lengths, but not the bytes: what was not flushed reads as zeros. */
  | "lengths"
  /** All of it, as when a process is killed. */
  | "all";

type Change = {
  readonly write: Uint8Array<ArrayBuffer>;
  readonly offset: number;
  readonly time: number;
} | {
  readonly size: number;
  readonly time: number;
};

interface Node {
  readonly kind: "file" | "directory";
  /** As processes see it. */
  now: Uint8Array<ArrayBuffer>;
  /** As it is on the disk for certain. */
  flushed: Uint8Array<ArrayBuffer>;
  /** Between these two. */
  changes: Change[];
}

/** The files below a directory, as a trace of system calls changes them. */
export class LossyDisk {
  readonly #root: string;
  readonly #names = new Map<string, Node>();
  readonly #flushedNames = new Map<string, Node>();
  /** Flushes under way, by what they are to bring to the disk. */
  readonly #flushes = new Map<number, () => void>();

  /** @param root absolute; it is there already, and empty */
  constructor(root: string) {
    this.#root = root;
    this.#names.set(root, newNode("directory"));
    this.#flushedNames.set(root, newNode("directory"));
  }

  /** Does what a system call has done. */
  apply(call: SystemCall): void {
    const path = call.paths.find((path) =>
      path.startsWith(`${this.#root}/`) || path === this.#root
    );
    if (path === undefined) return;
    if (call.name === "fsync" || call.name === "fdatasync") this.#flush(call, path);
    // What has not returned may not have been done.
    else if (call.at === "end" && call.result >= 0) this.#change(call, path);
  }

  /** Whether something will be on the disk for certain once this call is applied, and not before. */
  isFlushedBy({ id, at, result }: SystemCall): boolean {
    return at === "end" && result === 0 && this.#flushes.has(id);
  }

  /** How long the oldest change of a file that is not flushed has waited at a time, in milliseconds. */
  waiting(isMeant: (path: string) => boolean, time: number): number {
    let longest = 0;
    for (const [path, node] of this.#names) {
      const [oldest] = node.changes;
      if (oldest !== undefined && isMeant(path)) longest = Math.max(longest, time - oldest.time);
    }
    return longest;
  }

  /** What is found after a power cut: path, relative to the root, and content; `null`: a directory. */
  image(remains: Remains): Map<string, Uint8Array<ArrayBuffer> | null> {
    const image = new Map<string, Uint8Array<ArrayBuffer> | null>();
    const names = remains === "flushed" ? this.#flushedNames : this.#names;
    for (const path of [...names.keys()].sort()) {
      const node = names.get(path);
      const parent = dirname(path).slice(this.#root.length + 1);
      if (node === undefined || path === this.#root) continue;
      if (parent !== "" && image.get(parent) !== null) continue;
      image.set(path.slice(this.#root.length + 1), contentOf(node, remains));
    }
    return image;
  }

  #change(call: SystemCall, path: string): void {
    const { name, paths, time } = call;
    const node = this.#names.get(path);
    switch (name) {
      case "openat": {
        if (node === undefined) {
          if (call.flags.includes("O_CREAT")) this.#names.set(path, newNode("file"));
        } else if (call.flags.includes("O_TRUNC")) this.#resize(node, 0, time);
        return;
      }
      case "mkdir":
        this.#names.set(path, newNode("directory"));
        return;
      case "rename":
      case "link":
      case "linkat": {
        const [from = "", to = ""] = paths;
        const moved = this.#names.get(from);
        if (moved !== undefined) this.#names.set(to, moved);
        if (name === "rename") this.#names.delete(from);
        return;
      }
      case "unlink":
      case "unlinkat":
      case "rmdir":
        this.#names.delete(path);
        return;
      case "write":
      case "pwrite64": {
        if (node === undefined) return;
        // All that is written without an offset is appended.
        const offset = name === "write" ? node.now.byteLength : call.number;
        const change = { write: call.data.subarray(0, call.result), offset, time };
        node.changes.push(change);
        node.now = changed(node.now, change);
        return;
      }
      case "ftruncate": {
        if (node !== undefined) this.#resize(node, call.number, time);
      }
    }
  }

  #resize(node: Node, size: number, time: number): void {
    const change = { size, time };
    node.changes.push(change);
    node.now = changed(node.now, change);
  }

  #flush({ id, at, name, result }: SystemCall, path: string): void {
    const node = this.#names.get(path);
    if (node === undefined) return;
    if (at === "end") {
      const flush = this.#flushes.get(id);
      this.#flushes.delete(id);
      // One that has failed has forgotten what it was to flush: no later one will bring it.
      if (result === 0) flush?.();
      return;
    }
    // What is done while it is under way is for another one.
    if (node.kind === "directory") {
      const below = ([name]: [string, Node]) => dirname(name) === path;
      const names = [...this.#names].filter(below);
      // A name is not data: it takes fsync(2).
      if (name !== "fsync") return;
      this.#flushes.set(id, () => {
        for (const [name] of [...this.#flushedNames].filter(below)) this.#flushedNames.delete(name);
        for (const [name, node] of names) this.#flushedNames.set(name, node);
      });
      return;
    }
    const changes = node.changes;
    node.changes = [];
    this.#flushes.set(id, () => {
      node.flushed = changes.reduce(changed, node.flushed);
    });
  }
}

function newNode(kind: Node["kind"]): Node {
  return { kind, now: new Uint8Array(0), flushed: new Uint8Array(0), changes: [] };
}

function changed(content: Uint8Array<ArrayBuffer>, change: Change): Uint8Array<ArrayBuffer> {
  const end = "size" in change ? change.size : change.offset + change.write.byteLength;
  const size = "size" in change ? end : Math.max(content.byteLength, end);
  const next = new Uint8Array(size);
  next.set(content.subarray(0, size));
  if ("write" in change) next.set(change.write, change.offset);
  return next;
}

function contentOf({ kind, now, flushed }: Node, remains: Remains): Uint8Array<ArrayBuffer> | null {
  if (kind === "directory") return null;
  switch (remains) {
    case "flushed":
      return flushed;
    case "all":
      return now;
    case "lengths": {
      const content = new Uint8Array(now.byteLength);
      content.set(flushed.subarray(0, now.byteLength));
      return content;
    }
  }
}
