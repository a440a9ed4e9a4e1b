import { messageOf } from "../../errors.ts";
import type { Environment } from "../environment.ts";
import type { Settings } from "../invocation.ts";
import type { ConnectOptions } from "../io.ts";
import type { JobClient } from "../job_client.ts";
import { KeptClient } from "./kept_client.ts";
import { KeeperLost, Line } from "./line.ts";
import { socketDirectory, socketPath } from "./place.ts";
import { keeperProgram, startKeeper } from "./start_keeper.ts";

/** What {@linkcode connectKept} needs of the process. */
export interface Surroundings {
  readonly environment: Environment;
  /** Connects to the daemon without a keeper. */
  readonly connect: () => Promise<JobClient>;
  /** Told why a connection is not kept, which is no reason to fail. */
  readonly onNotKept: (why: string) => void;
  readonly start?: typeof startKeeper;
}

/**
 * A client that goes through the keeper of these settings. If there is none, one that connects by itself; once it
 * has, a keeper is started for the next.
 */
export async function connectKept(
  settings: Settings,
  { onReconnecting }: ConnectOptions,
  { environment, connect, onNotKept, start = startKeeper }: Surroundings,
): Promise<JobClient> {
  let program: string;
  let isMissing: boolean;
  try {
    program = keeperProgram(environment);
    const path = await socketPath(await socketDirectory(environment), settings);
    const line = await lineTo(path);
    if (line instanceof Line) {
      return new KeptClient(line, {
        path,
        keepMs: settings.keepConnection,
        onReconnecting,
        connect,
      });
    }
    isMissing = line === "missing";
  } catch (error) {
    onNotKept(messageOf(error));
    return await connect();
  }
  const client = await connect();
  try {
    if (isMissing) start(program, settings);
    else onNotKept("the process that keeps it does not answer");
  } catch (error) {
    onNotKept(messageOf(error));
  }
  return client;
}

async function lineTo(path: string): Promise<Line | "missing" | "silent"> {
  try {
    return await Line.open(path);
  } catch (error) {
    if (error instanceof KeeperLost) return "silent";
    const isMissing = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.ConnectionRefused;
    if (isMissing) return "missing";
    throw error;
  }
}
