/**
 * The units of systemd that `worker-daemon init` writes: those in `deploy/`, with the paths of the installation.
 *
 * @module
 */

import { join } from "node:path";
import serviceUnit from "../../deploy/worker-daemon.service" with { type: "text" };
import jobsUnit from "../../deploy/worker-daemon-jobs.service" with { type: "text" };
import socketUnit from "../../deploy/worker-daemon.socket" with { type: "text" };
import natsUnit from "../../deploy/nats-server.service" with { type: "text" };
import { CONFIG_NAME, SYSTEM_DIRECTORY } from "../config/config_file.ts";
import { FLEET_DIRECTORY } from "../fleet/fleet_files.ts";
import type { NewFile } from "./new_files.ts";

/** Which units are wanted. */
export interface UnitRequest {
  /** The installation's, absolute. */
  readonly directory: string;
  /** Whose they are. */
  readonly systemd: "system" | "user";
  readonly jobUser: string | null;
  /** A hub has a nats-server beside it, and no jobs. */
  readonly isHub: boolean;
}

const SERVICE = "worker-daemon.service";
const SOCKET = "worker-daemon.socket";
const JOBS = "worker-daemon-jobs.service";
const NATS = "nats-server.service";
/** What the unit in `deploy/` starts. */
const INSTALLED = "/usr/local/bin/worker-daemon";
/** Where that of nats-server finds its files. */
const NATS_PLACE = `${SYSTEM_DIRECTORY}/${FLEET_DIRECTORY}`;

/** Their files. */
export function unitFiles(
  request: UnitRequest,
  environment: (name: string) => string | undefined,
): NewFile[] {
  return [
    {
      name: SERVICE,
      about: `its unit for systemd, for ${
        request.systemd === "user" ? "your own user" : "the system"
      }`,
      text: serviceText(request, environment),
    },
    request.isHub
      ? { name: NATS, about: "its unit for nats-server", text: natsText(request) }
      : { name: JOBS, about: "keeps the jobs while it restarts", text: jobsUnit },
    { name: SOCKET, about: "keeps its ports open while it restarts", text: socketUnit },
  ];
}

/** Their paths, in the order in which to enable them. */
export function unitPaths(
  { directory, isHub }: Pick<UnitRequest, "directory" | "isHub">,
): string[] {
  return [isHub ? NATS : JOBS, SOCKET, SERVICE].map((name) => join(directory, name));
}

function serviceText(
  { directory, systemd, jobUser }: UnitRequest,
  environment: (name: string) => string | undefined,
): string {
  // The portable executable sets the variable, because the runtime that it unpacks is another program.
  const program = environment("WORKER_EXECUTABLE") ??
    (Deno.build.standalone ? Deno.execPath() : INSTALLED);
  const config = `--config=${join(directory, CONFIG_NAME)}`;
  const words = directory === SYSTEM_DIRECTORY ? [program] : [program, config];
  const unit = systemd === "user"
    ? userUnit(serviceUnit)
    // Its bounds are for daemons whose jobs are all of unprivileged users.
    : jobUser === "root"
    ? without(serviceUnit, /^CapabilityBoundingSet=/m)
    : serviceUnit;
  return unit.replaceAll(`=${INSTALLED}`, () => `=${words.map(unitWord).join(" ")}`);
}

/**
 * The unit of the system as the unit of a user: without what only root may set, and without targets that do not
 * exist there. The configuration says where the data is; `StateDirectory=` would be the directory of the
 * client's settings, `~/.config/job-worker`.
 */
function userUnit(unit: string): string {
  return without(unit, /^(StateDirectory|OOMScoreAdjust|CapabilityBoundingSet)=/m)
    .replace(/^Wants=.*$/m, `Wants=${SOCKET}`)
    .replace(/^After=.*$/m, `After=${SOCKET} ${JOBS}`)
    .replace(/^WantedBy=.*$/m, "WantedBy=default.target");
}

/** The unit without the paragraphs that match. */
function without(unit: string, pattern: RegExp): string {
  return unit.split("\n\n").filter((paragraph) => !pattern.test(paragraph)).join("\n\n");
}

function natsText({ directory, systemd }: UnitRequest): string {
  const unit = systemd === "user"
    ? without(natsUnit, /^DynamicUser=/m)
      .replaceAll(/^(Wants|After)=.*\n/gm, "")
      .replace(/^WantedBy=.*$/m, "WantedBy=default.target")
    : natsUnit;
  const place = join(directory, FLEET_DIRECTORY);
  return unit.replace(`${NATS_PLACE}/nats.conf`, () => unitWord(`${place}/nats.conf`))
    .replaceAll(NATS_PLACE, () => place.replaceAll("%", "%%"));
}

/** A word of a command line as systemd.service(5) reads it. */
function unitWord(word: string): string {
  const text = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w./=@:+-]+$/.test(text) ? text : `"${text.replace(/[\\"]/g, "\\$&")}"`;
}
