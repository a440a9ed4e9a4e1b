import { invalidArgument } from "../../errors.ts";
import type { ContextVerb } from "../invocation.ts";
import { Argument, type Command, type Found, option, subcommand } from "../parser.ts";
import type { GivenSettings } from "../settings.ts";
import type { CONTEXT_KEYS } from "../user_directory.ts";
import { parseAddress, parseText } from "../values.ts";

interface ContextOptions extends GivenSettings {
  readonly restAddress?: string;
  readonly user?: string;
}

function contextVerbOf(
  action: ContextVerb["action"],
  name: string | undefined,
  { address, cert, key, ca, restAddress, user }: ContextOptions,
): ContextVerb {
  if ((name === undefined) !== (action === "list")) {
    const need = action === "list" ? "takes no name" : "needs a name";
    throw invalidArgument(`Context ${action} ${need}`);
  }
  const values: Record<typeof CONTEXT_KEYS[number], string | undefined> = {
    address,
    cert,
    key,
    ca,
    "rest-address": restAddress,
    user,
  };
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return { kind: "context", action, name: name ?? "", values: Object.fromEntries(given) };
}

/** Defines `context`. */
export function defineContext(program: Command, found: Found): void {
  subcommand(program, "context", "remember daemons by name, with the certificates to use")
    .addArgument(new Argument("<action>", "what to do").choices(["add", "use", "list", "remove"]))
    .argument("[name]", "what you call the daemon; needed by all but list")
    .addOption(
      option("--rest-address <addr>", "host:port of its REST API (with add)", parseAddress),
    )
    .addOption(option("--user <name>", "your user name for REST (with add)", parseText))
    .addHelpText("after", CONTEXT_NOTES)
    .action((action: ContextVerb["action"], name: string | undefined, _, command: Command) =>
      found(contextVerbOf(action, name, command.optsWithGlobals<ContextOptions>()))
    );
}

const CONTEXT_NOTES = `
  worker-cli context add prod --address prod.example:8080 \\
      --cert p.pem --key p.key --ca ca.pem
  worker-cli context use prod
  worker-cli --context prod list`;
