import { dirname, join } from "node:path";
import { failedPrecondition, invalidArgument, messageOf } from "../errors.ts";
import { replaceFile } from "../files/replace_file.ts";
import type { Environment } from "./environment.ts";

/** What a context remembers of a daemon: options by their names, without dashes. */
export const CONTEXT_KEYS = ["address", "cert", "key", "ca", "rest-address", "user"] as const;

/** Some of them. */
export type ContextValues = Readonly<Partial<Record<typeof CONTEXT_KEYS[number], string>>>;

/** The contexts of a user. */
export interface Contexts {
  /** The one that is taken if none is named; `null`: none. */
  readonly current: string | null;
  readonly contexts: Readonly<Record<string, ContextValues>>;
}

const NONE: Contexts = { current: null, contexts: {} };

/** Where certificates lie while nobody says otherwise, before the user's own directory. */
const LOCAL_CERTIFICATES = "certs";

/**
 * A user's own directory, `$XDG_CONFIG_HOME/job-worker` or `~/.config/job-worker`: contexts, and
 * certificates for when there are none in `certs/`. It is read at once, before a line is understood.
 */
export class UserDirectory {
  /** `null` for a user who has none. */
  readonly path: string | null;

  constructor(path: string | null) {
    this.path = path;
  }

  /** The one of the user whose environment this is. */
  static of(environment: Environment): UserDirectory {
    const [base, home] = [environment("XDG_CONFIG_HOME"), environment("HOME")];
    if (base?.startsWith("/")) return new UserDirectory(join(base, "job-worker"));
    return new UserDirectory(home ? join(home, ".config", "job-worker") : null);
  }

  get #contextsPath(): string | null {
    return this.path === null ? null : join(this.path, "contexts.json");
  }

  /** @throws {JobWorkerError} `failed_precondition` for a file that cannot be read or understood */
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
    if (path === null) throw failedPrecondition("Cannot keep contexts: HOME is not set");
    try {
      await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const text = `${JSON.stringify(contexts, null, 2)}\n`;
      await replaceFile(path, text, { mode: 0o600 });
    } catch (error) {
      throw failedPrecondition(`Cannot write "${path}": ${messageOf(error)}`, error);
    }
  }

  /** The directory of the certificates that are there, `certs` if there are none. */
  certificates(): string {
    const has = (directory: string) => isFile(join(directory, "client-cert.pem"));
    const own = this.path;
    return own !== null && !has(LOCAL_CERTIFICATES) && has(own) ? own : LOCAL_CERTIFICATES;
  }
}

/**
 * An environment in which a context stands in for the variables: `WORKER_ADDRESS` is its `address`.
 * What is set in the environment wins, but not over a context that the line names.
 *
 * @param named by the line; else `WORKER_CONTEXT` names it, or it is the current one
 * @throws {JobWorkerError} `invalid_argument` for a name that is not known
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
 * The values of a context, of the current one if there is no name.
 *
 * @throws {JobWorkerError} `invalid_argument` for a name that is not known
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
        ? `there are ${names.join(", ")}`
        : "make it with `worker-cli context add`"),
  );
}

function contextsOf(json: unknown): Contexts {
  const { current, contexts } = objectOf(json);
  if (current !== null && typeof current !== "string") throw new Error('"current" is no name');
  const read = Object.entries(objectOf(contexts)).map(([name, values]) => {
    const texts = Object.entries(objectOf(values)).map(([key, value]) => {
      if (CONTEXT_KEYS.some((known) => known === key) && typeof value === "string") {
        return [key, value];
      }
      throw new Error(`"${key}" of the context "${name}" is not understood`);
    });
    return [name, Object.fromEntries(texts)];
  });
  return { current, contexts: Object.fromEntries(read) };
}

function objectOf(json: unknown): Record<string, unknown> {
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return { ...json };
  throw new Error("it is not the object that was written");
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    // One that may not be looked at is of no use either.
    return false;
  }
}
