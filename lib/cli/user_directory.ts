import { dirname, join } from "node:path";
import { failedPrecondition, invalidArgument, messageOf } from "../errors.ts";
import { replaceFile } from "../files/replace_file.ts";
import type { Environment } from "./environment.ts";

/** What a context remembers about a daemon: the names of options, without leading dashes. */
export const CONTEXT_KEYS = ["address", "cert", "key", "ca", "rest-address", "user"] as const;

/** The values of a context. */
export type ContextValues = Readonly<Partial<Record<typeof CONTEXT_KEYS[number], string>>>;

/** The contexts of a user. */
export interface Contexts {
  /** The context to use by default; `null` for none. */
  readonly current: string | null;
  readonly contexts: Readonly<Record<string, ContextValues>>;
}

const NONE: Contexts = { current: null, contexts: {} };

/** The default directory of certificates, which comes before the user's own. */
const LOCAL_CERTIFICATES = "certs";

/**
 * A user's own directory, `$XDG_CONFIG_HOME/job-worker` or `~/.config/job-worker`: contexts, and
 * certificates for when there are none in `certs/`. Reads are synchronous, as parsing a line is.
 */
export class UserDirectory {
  /** `null` if the user has none. */
  readonly path: string | null;

  constructor(path: string | null) {
    this.path = path;
  }

  /** The directory of the user with this environment. */
  static of(environment: Environment): UserDirectory {
    const [base, home] = [environment("XDG_CONFIG_HOME"), environment("HOME")];
    if (base?.startsWith("/")) return new UserDirectory(join(base, "job-worker"));
    return new UserDirectory(home ? join(home, ".config", "job-worker") : null);
  }

  get #contextsPath(): string | null {
    return this.path === null ? null : join(this.path, "contexts.json");
  }

  /**
   * @throws {JobWorkerError} `failed_precondition` for a file that cannot be read or is not valid
   */
  contexts(): Contexts {
    const path = this.#contextsPath;
    if (path === null) return NONE;
    try {
      return contextsOf(JSON.parse(Deno.readTextFileSync(path)));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return NONE;
      throw failedPrecondition(`Cannot use the contexts in "${path}": ${messageOf(error)}`, error);
    }
  }

  /**
   * Replaces the contexts.
   *
   * @throws {JobWorkerError} `failed_precondition` if they cannot be written
   */
  async saveContexts(contexts: Contexts): Promise<void> {
    const path = this.#contextsPath;
    if (path === null) throw failedPrecondition("Cannot save contexts: HOME is not set");
    try {
      await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const text = `${JSON.stringify(contexts, null, 2)}\n`;
      await replaceFile(path, text, { mode: 0o600 });
    } catch (error) {
      throw failedPrecondition(`Cannot write "${path}": ${messageOf(error)}`, error);
    }
  }

  /** The directory that has certificates; `certs` if none has. */
  certificates(): string {
    const has = (directory: string) => isFile(join(directory, "client-cert.pem"));
    const own = this.path;
    return own !== null && !has(LOCAL_CERTIFICATES) && has(own) ? own : LOCAL_CERTIFICATES;
  }
}

/**
 * An environment in which a context stands in for variables: `WORKER_ADDRESS` is its `address`. Variables
 * that are set take precedence, except over a context that the line names.
 *
 * @param named the context that the line names; otherwise it is that in `WORKER_CONTEXT`, or the current one
 * @throws {JobWorkerError} `invalid_argument` for an unknown name
 */
export function withContext(
  environment: Environment,
  directory: UserDirectory,
  named?: string,
): Environment {
  const set: Environment = (name) => environment(name) || undefined;
  const values = contextNamed(directory.contexts(), named ?? set("WORKER_CONTEXT"));
  const kept: Environment = (name) => {
    const key = name.replace(/^WORKER_/, "").toLowerCase().replaceAll("_", "-");
    return CONTEXT_KEYS.flatMap((known) => known === key ? values[known] ?? [] : [])[0];
  };
  const found: Environment = (name) => {
    const [, file] = /^WORKER_(CERT|KEY|CA)$/.exec(name) ?? [];
    if (file === undefined) return undefined;
    return join(directory.certificates(), CERTIFICATES[file] ?? "");
  };
  return named === undefined
    ? (name) => set(name) ?? kept(name) ?? found(name)
    : (name) => kept(name) ?? set(name) ?? found(name);
}

const CERTIFICATES: Readonly<Record<string, string>> = {
  CERT: "client-cert.pem",
  KEY: "client-key.pem",
  CA: "ca-cert.pem",
};

/**
 * The values of a context; without a name, those of the current one.
 *
 * @throws {JobWorkerError} `invalid_argument` for an unknown name
 */
export function contextNamed({ current, contexts }: Contexts, name?: string): ContextValues {
  const wanted = name ?? current;
  if (wanted === null) return {};
  const values = Object.hasOwn(contexts, wanted) ? contexts[wanted] : undefined;
  if (values !== undefined) return values;
  const names = Object.keys(contexts);
  throw invalidArgument(
    `There is no context ${JSON.stringify(wanted)}: ` +
      (names.length > 0
        ? `the contexts are ${names.join(", ")}`
        : "add it with `worker-cli context add`"),
  );
}

function contextsOf(json: unknown): Contexts {
  const { current, contexts } = objectOf(json);
  if (current !== null && typeof current !== "string") throw new Error('"current" is not a name');
  const read = Object.entries(objectOf(contexts)).map(([name, values]) => {
    const texts = Object.entries(objectOf(values)).map(([key, value]) => {
      if (CONTEXT_KEYS.some((known) => known === key) && typeof value === "string") {
        return [key, value];
      }
      throw new Error(`"${key}" in the context "${name}" is not valid`);
    });
    return [name, Object.fromEntries(texts)];
  });
  return { current, contexts: Object.fromEntries(read) };
}

function objectOf(json: unknown): Record<string, unknown> {
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return { ...json };
  throw new Error("it does not have the expected form");
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    // A file that we may not look at is of no use either.
    return false;
  }
}
