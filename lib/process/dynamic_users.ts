import cleanUserSh from "./clean_user.sh" with { type: "text" };
import { delay } from "../async/delay.ts";
import { doubling } from "../async/doubling.ts";
import { Semaphore } from "../async/semaphore.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { isShortage } from "../files/shortage.ts";
import { FIND_TOOLS, type Tools } from "./tools.ts";
import type { SystemUser } from "./users.ts";

const CLEAN_USER = FIND_TOOLS + cleanUserSh;

/** Ids of users that no other program uses; those of their groups are the same. */
export interface UidRange {
  readonly first: number;
  /** It is one of them. */
  readonly last: number;
}

/** Options of {@linkcode DynamicUsers.open}. */
export interface DynamicUsersOptions extends UidRange {
  /** Absolute path of the directory in which each of these users has a home. */
  readonly homes: string;
}

/** How many are cleaned up after at once, and after how long others no longer wait for one: it may have left much. */
const MAX_CLEANED_AT_ONCE = 8;
const MAX_TURN_MS = 1_000;

/** How long a cleaner is tried again that cannot be started, and how often: from, to. */
const START_WITHIN_MS = 30_000;
const START_AGAIN_MS = { first: 10, last: 1_000 };

/** Why the script has failed, by its exit status. */
const FAULTS: Readonly<Record<number, string>> = {
  1: "a process of it does not end",
  2: "its home cannot be removed",
  3: "what it has left where everybody may write cannot be removed",
};

/**
 * Users that are in no passwd(5), one for each job, like those of systemd's `DynamicUser=`.
 *
 * The directory `HOMES/UID` is what says that an id is taken: mkdir(2) gives it to one only, whichever executor or
 * daemon asks, and it stays until all that the user has left is gone, however often executors end meanwhile. Its
 * group is the user's, and it lets nobody else through; the home in it is named after the job:
 *
 * ```text
 * HOMES/200000        root  200000  rwx--x---
 * HOMES/200000/JOBID  200000 200000 rwx------
 * ```
 */
export class DynamicUsers {
  readonly #options: DynamicUsersOptions;
  readonly #tools: Tools;
  /** Ids that are taken, as far as we know; others may have given some back. */
  #taken: Set<number>;
  /** The ids of our jobs. */
  readonly #uids = new Map<string, number>();
  readonly #cleaners = new Semaphore({
    total: MAX_CLEANED_AT_ONCE,
    maxWaiting: Infinity,
    refusal: "",
  });
  /** Ids are given in turn, so that it takes long until one is used again. */
  #next: number;

  private constructor(options: DynamicUsersOptions, tools: Tools, taken: Set<number>) {
    this.#options = options;
    this.#tools = tools;
    this.#taken = taken;
    const { first, last } = options;
    this.#next = first + Math.floor(Math.random() * (last - first + 1));
  }

  /** @throws `failed_precondition` if the directory can be neither made nor read */
  static async open(options: DynamicUsersOptions, tools: Tools): Promise<DynamicUsers> {
    const { homes } = options;
    try {
      if (await Deno.lstat(homes).catch(() => null) === null) {
        await Deno.mkdir(homes, { recursive: true, mode: 0o711 });
        // Whatever our umask is.
        await Deno.chmod(homes, 0o711);
      }
      for (const uid of await takenIn(homes)) {
        // An executor that died in the middle of `makeHome()` has left it without the job's; others are not empty.
        await Deno.remove(`${homes}/${uid}`).catch(() => {});
      }
      return new DynamicUsers(options, tools, await takenIn(homes));
    } catch (error) {
      const why = `Cannot use the directory for the homes of jobs "${homes}": ${messageOf(error)}`;
      throw new JobWorkerError("failed_precondition", why, { cause: error });
    }
  }

  /**
   * Chooses a user for a job. Nothing is made for it yet.
   *
   * @throws `resource_exhausted` if there is none left
   */
  async reserve(jobId: string): Promise<SystemUser> {
    const uid = this.#free() ?? await this.#freeAgain();
    if (uid === null) {
      const { first, last } = this.#options;
      throw new JobWorkerError(
        "resource_exhausted",
        `Cannot start the job: all ids of the daemon's --job-uids ${first}-${last} are in use; ` +
          `try again when a job has ended`,
      );
    }
    this.#taken.add(uid);
    this.#uids.set(jobId, uid);
    const home = `${this.#options.homes}/${uid}/${jobId}`;
    return { name: String(uid), uid, gid: uid, home, isDynamic: true, isOurs: false };
  }

  /** Takes back a choice for which nothing has been made. */
  forget(jobId: string): void {
    const uid = this.#uids.get(jobId);
    this.#uids.delete(jobId);
    if (uid !== undefined) this.#taken.delete(uid);
  }

  /**
   * Makes the home of the user that was chosen for a job.
   *
   * @throws `unavailable` if another daemon has taken the user meanwhile, or the disk does not let us;
   *   `resource_exhausted` if it has no room
   */
  async makeHome(jobId: string): Promise<void> {
    const uid = this.#uids.get(jobId);
    if (uid === undefined) throw new TypeError(`Cannot make a home: no user of job "${jobId}"`);
    const claim = `${this.#options.homes}/${uid}`;
    try {
      await Deno.mkdir(claim, { mode: 0o700 });
    } catch (error) {
      // Not ours to clean up.
      this.#uids.delete(jobId);
      throw cannotMake(claim, error);
    }
    try {
      const home = `${claim}/${jobId}`;
      await Deno.mkdir(home, { mode: 0o700 });
      await Deno.chown(home, uid, uid);
      await Deno.chown(claim, 0, uid);
      await Deno.chmod(claim, 0o710);
    } catch (error) {
      throw cannotMake(claim, error);
    }
  }

  /**
   * Ends all that runs as the user of one of our jobs, removes what it has left, and gives the user free. Does nothing
   * for a job without one.
   *
   * @throws if something is left: nobody gets this user then
   */
  async release(jobId: string): Promise<void> {
    const { homes } = this.#options;
    const uid = this.#uids.get(jobId);
    if (uid === undefined) return;
    this.#uids.delete(jobId);
    const code = await this.#cleanInTurn(uid);
    if (code !== 0) {
      const why = FAULTS[code] ?? `its cleaner ended with ${code}`;
      throw new Error(`User ${uid} stays taken, since ${why}; see "${homes}/${uid}"`);
    }
    this.#taken.delete(uid);
  }

  /** Does the same for jobs of executors that are gone. */
  async releaseLeft(
    jobIds: readonly string[],
    onFault: (error: unknown, jobId: string) => void,
  ): Promise<void> {
    const { homes } = this.#options;
    const left = new Set(jobIds);
    for (const uid of await takenIn(homes)) {
      const [jobId = ""] = await namesIn(`${homes}/${uid}`);
      if (left.has(jobId)) this.#uids.set(jobId, uid);
    }
    await Promise.all(
      jobIds.map((jobId) => this.release(jobId).catch((error) => onFault(error, jobId))),
    );
  }

  async #cleanInTurn(uid: number): Promise<number> {
    using turn = await this.#cleaners.acquire(1);
    const timer = setTimeout(() => turn[Symbol.dispose](), MAX_TURN_MS);
    try {
      return await this.#clean(uid);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs the script, if need be once there are a process and descriptors for it. Returns its exit status. */
  async #clean(uid: number): Promise<number> {
    const { setsid, sh, setpriv } = this.#tools;
    const directory = `${this.#options.homes}/${uid}`;
    const command = new Deno.Command(setsid, {
      args: [sh, "-c", CLEAN_USER, "job-worker", String(uid), directory, setpriv],
      clearEnv: true,
      cwd: "/",
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    const deadline = performance.now() + START_WITHIN_MS;
    const nextWait = doubling(START_AGAIN_MS);
    for (;;) {
      try {
        return (await command.output()).code;
      } catch (error) {
        if (!isShortage(error) || performance.now() > deadline) throw error;
        await delay(nextWait());
      }
    }
  }

  /** The next id that is free. */
  #free(): number | null {
    const { first, last } = this.#options;
    for (let left = last - first + 1; left > 0; left--) {
      const uid = this.#next;
      this.#next = uid === last ? first : uid + 1;
      if (!this.#taken.has(uid)) return uid;
    }
    return null;
  }

  /** The same, after a look at what others have given back. */
  async #freeAgain(): Promise<number | null> {
    const taken = await takenIn(this.#options.homes);
    this.#taken = new Set([...taken, ...this.#uids.values()]);
    return this.#free();
  }
}

/** The ids that are taken. */
async function takenIn(homes: string): Promise<Set<number>> {
  // On a file system of its own, there is `lost+found` as well.
  return new Set((await namesIn(homes)).map(Number).filter(Number.isInteger));
}

/** What is in a directory, which may be gone by now. */
async function namesIn(directory: string): Promise<string[]> {
  try {
    return await Array.fromAsync(Deno.readDir(directory), ({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function cannotMake(claim: string, error: unknown): JobWorkerError {
  const message = `Cannot make a home for the job in "${claim}": ${messageOf(error)}`;
  const code = isShortage(error) ? "resource_exhausted" : "unavailable";
  return new JobWorkerError(code, message, { cause: error });
}
