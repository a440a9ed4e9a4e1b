/**
 * Which folder may import which. The test of layering holds the sources to this table, and
 * `docs/architecture.md` shows it. What else may be used in some folders only, `deno lint` checks: see
 * `build/lint/allowed_place.ts`.
 *
 * @module
 */

/** Shared pieces, each folder named after what it is about. All folders may import them, and they each other. */
export const SHARED: readonly string[] = [
  "lib",
  "async",
  "text",
  "net",
  "files",
  "stdio",
  "metrics",
  "tracing",
];

/** Whether a folder may be imported, or only types of it, which leave no trace in what runs. */
type Right = "all" | "types";

/** For each folder of `lib/`, and each entry, the folders and files that it may import beside the shared ones. */
export const MAY_IMPORT: Readonly<Record<string, Readonly<Record<string, Right>>>> = {
  ...Object.fromEntries(SHARED.map((folder) => [folder, {}])),
  // Nobody imports these by their path: they stand in for packages, see docs/packages.md.
  std: {},
  job: {},
  process: { job: "all" },
  log: { job: "all" },
  executor: { job: "all", process: "all", log: "all" },
  worker: { job: "all", log: "all", executor: "all" },
  store: { job: "all" },
  notify: { job: "all", store: "types" },
  auth: { job: "all" },
  service: { job: "all", worker: "all", auth: "all" },
  engine: { job: "all", service: "all", auth: "all" },
  grpc: {
    job: "all",
    "service/methods.ts": "all",
    "service/resume.ts": "all",
    service: "types",
    auth: "all",
  },
  // What requests may hold is data, without what acts on them.
  rest: {
    job: "all",
    "service/fields.ts": "all",
    "service/methods.ts": "all",
    "service/resume.ts": "all",
    service: "types",
    auth: "all",
  },
  // Calls look the same in an envelope as on the engine's socket.
  fleet: {
    job: "all",
    "service/methods.ts": "all",
    "service/resume.ts": "all",
    "service/fields.ts": "all",
    "service/requests.ts": "all",
    "service/many_jobs.ts": "all",
    "engine/messages.ts": "all",
    "engine/call_limit.ts": "all",
    service: "types",
    auth: "all",
    store: "all",
  },
  config: { job: "all", auth: "all" },
  daemon: {
    job: "all",
    process: "all",
    log: "all",
    executor: "all",
    worker: "all",
    config: "all",
    store: "all",
    auth: "all",
    service: "all",
    engine: "all",
    grpc: "all",
    rest: "all",
    fleet: "all",
    notify: "all",
  },
  // Certificates are made and checked on this side too: with the same code as on the other.
  cli: {
    job: "all",
    "service/methods.ts": "all",
    "service/resume.ts": "all",
    "grpc/client.ts": "all",
    "rest/client.ts": "all",
    auth: "all",
  },
  "server.ts": { daemon: "all" },
  "cli.ts": { cli: "all" },
};

/** An import statement, or a call of `import()`. */
export interface Import {
  /** What is imported, as a path from the top of the repository. */
  readonly to: string;
  readonly typesOnly: boolean;
}

/** The folder of `lib/` that a path lies in, `lib` for a shared file, or the entry itself. */
export function folderOf(path: string): string {
  const parts = path.split("/");
  return parts[0] !== "lib" ? path : parts.length > 2 ? parts[1] ?? "" : "lib";
}

/** A source without its comments, as far as the patterns need it. */
function codeOf(text: string): string {
  return text.replace(/\/\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}

const IMPORT =
  /^(?:import|export)\s+(type\s+)?([^;"]*?from\s+)?"(\.[^"]+)"|import\("(\.[^"]+)"\)/gm;

/** The relative imports of a file. */
export function importsOf(path: string, text: string): Import[] {
  return Array.from(codeOf(text).matchAll(IMPORT), (match) => ({
    to: new URL(match[3] ?? match[4] ?? "", `file:///${path}`).pathname.slice(1),
    typesOnly: isTypeOnly(match),
  }));
}

function isTypeOnly([, type, names]: RegExpExecArray): boolean {
  const listed = /^\s*\{([^}]*)\}\s*from\s+$/.exec(names ?? "")?.[1];
  const each = listed?.split(",").filter((name) => name.trim() !== "");
  return type !== undefined || (each?.every((name) => /^\s*type\s/.test(name)) ?? false);
}

/** The circles of a graph: groups of nodes each of which leads to all others (Tarjan's algorithm). */
export function circlesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const circles: string[][] = [];
  const order = new Map<string, number>();
  const path: string[] = [];
  /** Returns the earliest node, by its number, that is still open and can be reached. */
  function visit(node: string): number {
    const own = order.size;
    order.set(node, own);
    const at = path.push(node) - 1;
    let earliest = own;
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) earliest = Math.min(earliest, visit(next));
      else if (path.includes(next)) earliest = Math.min(earliest, order.get(next) ?? own);
    }
    if (earliest === own) {
      const circle = path.splice(at);
      if (circle.length > 1 || graph.get(node)?.includes(node)) circles.push(circle.toSorted());
    }
    return earliest;
  }
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return circles;
}
