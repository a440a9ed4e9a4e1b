import type { Settings } from "./invocation.ts";
import type { Io } from "./io.ts";
import type { JobClient } from "./job_client.ts";

/** What a subcommand needs to talk to the daemon. */
export interface Context {
  readonly io: Io;
  readonly settings: Settings;
  readonly client: JobClient;
  /** Tells that the connection was lost. Whoever has the screen sets what does that. */
  readonly lost: { tell(words: string): void };
}
