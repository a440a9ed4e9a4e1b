import { GatewayKeeper, type GatewayKeeperOptions } from "../../lib/daemon/gateway_keeper.ts";
import type { EngineSide } from "../../lib/daemon/gateways_ahead.ts";
import type { GatewayCommand, GatewayOptions } from "../../lib/daemon/gateway_protocol.ts";
import type { Refusal } from "../../lib/service/audit.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";

/**
 * Speaks as a gateway does, in the place of setsid(1), and writes down what it is told. To `serve` it
 * answers the first line of `answers`, if that is not empty, and takes that line out, but for the last.
 * It does not drain while there is a file `slow`, and before it does it says what is in a file `last`. That it is
 * there it says by a file `begun`.
 */
const GATEWAY = `#!/bin/sh
cd "\${0%/*}"
: >begun
while read -r line; do
  answer=
  case $line in *'"kind":"serve"'*)
    read -r answer <answers
    [ "$(wc -l <answers)" -lt 2 ] || sed -i 1d answers;;
  esac
  printf '%s %s\\n' $$ "$line" >>told
  [ -z "$answer" ] || printf '%b\\n' "$answer"
  case $line$answer in
    *'"kind":"drain"'*) while [ -e slow ]; do sleep 0.01; done; cat last 2>/dev/null; exit 0;;
    *'"kind":"failed"'*) exit 1;;
  esac
done
`;

export const LISTENING = JSON.stringify({
  kind: "listening",
  address: { hostname: "127.0.0.1", port: 4711 },
  restAddress: { hostname: "127.0.0.2", port: 4712 },
});

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

/** What is read for each of them. */
export const FILES: GatewayKeeperOptions["files"] = {
  ...certificates.paths("server"),
  denyList: "",
  restAddress: null,
  users: "",
};

export const ANYWHERE = { hostname: "127.0.0.1", port: 0 };

/** What they are told to serve. */
export const GATEWAY_OPTIONS: GatewayKeeperOptions["gateway"] = {
  address: ANYWHERE,
  restAddress: { hostname: "127.0.0.2", port: 0 },
  inherited: { grpc: null, rest: null },
  publicOrigins: ["https://jobs.example"],
  socket: "/the/socket",
  maxConnections: 41,
  maxConnectionsPerAddress: 23,
  maxCalls: 17,
  debug: true,
  journal: true,
};

/** A keeper of such gateways. */
export class TestKeeper implements AsyncDisposable {
  readonly refusals: Refusal[] = [];
  readonly ending = new AbortController();
  /** How often the socket was looked after. */
  restored = 0;
  readonly path: string;
  readonly #directory: AsyncDisposable;
  #keeper: GatewayKeeper | null = null;

  private constructor(directory: AsyncDisposable & { readonly path: string }) {
    this.path = directory.path;
    this.#directory = directory;
  }

  static async create(...answers: readonly string[]): Promise<TestKeeper> {
    const fixture = new TestKeeper(await temporaryDirectory());
    await Deno.writeTextFile(`${fixture.path}/gateway`, GATEWAY, { mode: 0o700 });
    await fixture.answer(...answers);
    return fixture;
  }

  /** Decides what those who are told to serve answer, one after the other. */
  async answer(...answers: readonly string[]): Promise<void> {
    await Deno.writeTextFile(`${this.path}/answers`, answers.map((line) => `${line}\n`).join(""));
  }

  async start(options: Partial<GatewayKeeperOptions> = {}): Promise<GatewayKeeper> {
    this.#keeper = await GatewayKeeper.start({ ...this.options, ...this.engine, ...options });
    return this.#keeper;
  }

  /** How the gateways are started. */
  get options(): Omit<GatewayKeeperOptions, keyof EngineSide> {
    return {
      count: 1,
      setsid: `${this.path}/gateway`,
      retryOptions: {
        pauseMs: { first: 1, last: 1 },
        signal: this.ending.signal,
        again: () => false,
      },
      gateway: GATEWAY_OPTIONS,
      files: FILES,
      rights: null,
    };
  }

  /** The engine that they serve. */
  get engine(): EngineSide {
    return {
      onRefused: (refusal) => this.refusals.push(refusal),
      restoreSocket: () => Promise.resolve(void this.restored++),
    };
  }

  /** What the gateways were told, in order. */
  async told(): Promise<{ pid: number; command: GatewayCommand }[]> {
    const text = await Deno.readTextFile(`${this.path}/told`).catch(() => "");
    return text.split("\n").slice(0, -1).map((line) => {
      const [pid = ""] = line.split(" ");
      return { pid: Number(pid), command: JSON.parse(line.slice(pid.length + 1)) };
    });
  }

  /** Waits until that many were told to serve, and returns what each was. */
  async served(count: number): Promise<(GatewayOptions & { pid: number })[]> {
    return await until(async () => {
      const found = (await this.told()).flatMap(({ pid, command }) =>
        command.kind === "serve" ? [{ pid, ...command.options }] : []
      );
      return found.length >= count && found;
    });
  }

  /** Waits until the gateways were told that much. */
  async toldSoFar(count: number): Promise<void> {
    await this.met(async () => (await this.told()).length >= count);
  }

  /** Waits for a condition, by a clock that no test has stopped. */
  async met(condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 30_000;
    while (!await condition()) {
      assert.ok(Date.now() < deadline, `Still not so: ${condition}`);
      await Deno.stat(this.path);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ending.abort(new Error("The test is over"));
    await this.#keeper?.[Symbol.asyncDispose]();
    await this.#directory[Symbol.asyncDispose]();
  }
}

export const BOUND = {
  address: { hostname: "127.0.0.1", port: 4711 },
  restAddress: { hostname: "127.0.0.2", port: 4712 },
};
