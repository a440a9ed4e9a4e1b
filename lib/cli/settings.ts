/**
 * The options of every subcommand, and the environment variables that stand in for them.
 *
 * @module
 */

import { invalidArgument, messageOf } from "../errors.ts";
import type { Environment } from "./environment.ts";
import type { Settings } from "./invocation.ts";
import { parseAddress, parseKeepTime } from "./values.ts";
import { parseSwitch } from "../text/switch.ts";

/** An option of every subcommand. */
export interface Setting {
  readonly flags: string;
  /** The variable that stands in for it. */
  readonly variable: string;
  readonly about: string;
  readonly read?: (text: string) => string | number;
}

/** The settings. The values in brackets are the defaults. */
export const SETTINGS = {
  address: {
    flags: "--address <addr>",
    variable: "WORKER_ADDRESS",
    about: "host:port of the daemon [0.0.0.0:8080]",
    read: parseAddress,
  },
  cert: {
    flags: "--cert <file>",
    variable: "WORKER_CERT",
    about: "your certificate, PEM [certs/client-cert.pem]",
  },
  key: {
    flags: "--key <file>",
    variable: "WORKER_KEY",
    about: "its private key, PEM [certs/client-key.pem]",
  },
  ca: {
    flags: "--ca <file>",
    variable: "WORKER_CA",
    about: "CA of the daemon's certificate, PEM [certs/ca-cert.pem]",
  },
  context: {
    flags: "--context <name>",
    variable: "WORKER_CONTEXT",
    about: "use a daemon remembered by worker-cli context",
  },
  keepConnection: {
    flags: "--keep-connection <duration>",
    variable: "WORKER_KEEP_CONNECTION",
    about: "keep the connection for later calls, for this long after each [0s: do not keep it]",
    read: parseKeepTime,
  },
  json: { flags: "--json", variable: "WORKER_JSON", about: "print JSON, one value per line" },
  color: {
    flags: "--no-color",
    variable: "WORKER_NO_COLOR",
    about: "do not use colours on a terminal",
  },
  debug: { flags: "--debug", variable: "WORKER_DEBUG", about: "print stack traces of errors" },
} as const satisfies Record<keyof Settings | "context", Setting>;

/** The settings that the command line gives. */
export type GivenSettings = Partial<Settings> & { readonly context?: string };

/**
 * Completes the settings: from the command line, then the environment, then the defaults.
 *
 * @throws {JobWorkerError} `invalid_argument` for a variable with an invalid value
 */
export function readSettings(given: GivenSettings, environment: Environment): Settings {
  const variable = <T>(
    setting: keyof typeof SETTINGS,
    read: (text: string) => T,
  ): T | undefined => {
    const name = SETTINGS[setting].variable;
    const text = environment(name);
    if (text === undefined || text === "") return undefined;
    try {
      return read(text);
    } catch (error) {
      throw invalidArgument(`${name}: ${messageOf(error)}`);
    }
  };
  const path = (text: string) => text;
  return {
    address: given.address ?? variable("address", parseAddress) ?? "0.0.0.0:8080",
    cert: given.cert ?? variable("cert", path) ?? "certs/client-cert.pem",
    key: given.key ?? variable("key", path) ?? "certs/client-key.pem",
    ca: given.ca ?? variable("ca", path) ?? "certs/ca-cert.pem",
    keepConnection: given.keepConnection ?? variable("keepConnection", parseKeepTime) ?? 0,
    json: given.json ?? variable("json", parseSwitch) ?? false,
    debug: given.debug ?? variable("debug", parseSwitch) ?? false,
    // NO_COLOR: https://no-color.org
    color: given.color !== false && !variable("color", parseSwitch) && !environment("NO_COLOR"),
  };
}
