import { basename } from "node:path";
import type { IssuedCertificate } from "../../auth/issued.ts";
import type {
  AddCertVerb,
  CertsVerb,
  ListCertsVerb,
  MakeCertsVerb,
  RenewCertsVerb,
  RevokeCertVerb,
  Settings,
} from "../invocation.ts";
import { BUILD } from "../../build.ts";
import { failedPrecondition, isMissingRight } from "../../errors.ts";
import { type Io, printLine, tell } from "../io.ts";
import { jsonLine, printable } from "../../text/printable.ts";
import { table } from "../table.ts";

/** Where the output goes, and in which form. */
interface World {
  readonly io: Io;
  readonly settings: Settings;
}

/** Makes, lists and revokes certificates, on the machine where the CA is. */
export async function certs(world: World, verb: CertsVerb): Promise<number> {
  try {
    return await act(world, verb);
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (BUILD !== "source" || ![error, cause].some(isMissingRight)) throw error;
    // From source each task has its own permissions, and `deno task cli` may not write any files.
    const line = verb.action === "make" ? "deno task certs" : `deno task certs ${verb.action} …`;
    throw failedPrecondition(
      `Cannot write to "${verb.directory}": when run from source, use \`${line}\`, which may only ` +
        "write to ./certs; for another directory see docs/permissions.md",
      { cause: error },
    );
  }
}

async function act(world: World, verb: CertsVerb): Promise<number> {
  switch (verb.action) {
    case "make":
      return await make(world, verb);
    case "add":
      return await add(world, verb);
    case "renew":
      return await renew(world, verb);
    case "list":
      return await list(world, verb);
    case "revoke":
      return await revoke(world, verb);
  }
}

const RELOAD = "systemctl reload worker-daemon, or SIGHUP to its process";

/** Makes a CA and the certificates of a server and three users, and says what each file is. */
async function make(world: World, { directory, force, hosts }: MakeCertsVerb): Promise<number> {
  const { io } = world;
  // Loaded on demand, because its packages are large.
  const { makeCertificates } = await import("../../auth/certificates.ts");
  const files = await makeCertificates(directory, { force, hosts: [...io.hostNames(), ...hosts] });
  await printFiles(world, files);
  await tell(io, "Keep ca-key.pem safe: whoever has it can make certificates for any user");
  return 0;
}

async function add(world: World, verb: AddCertVerb): Promise<number> {
  using authority = await open(verb);
  const { cert, key } = await authority.add(verb);
  const who = `the client "${verb.user}": ${verb.roles.join(", ")}`;
  await printFiles(world, [
    { path: cert, content: `certificate of ${who}` },
    { path: key, content: `private key of ${who}` },
  ]);
  await tell(
    world.io,
    `Give ${printable(verb.user)} both files and ca-cert.pem, to be put into ` +
      "~/.config/job-worker/ as client-cert.pem, client-key.pem and ca-cert.pem, and keep no copy " +
      "of the key",
  );
  return 0;
}

async function renew(world: World, verb: RenewCertsVerb): Promise<number> {
  using authority = await open(verb);
  const renewed = await authority.renew(verb.name, verb);
  await printFiles(
    world,
    renewed.map(({ path, of: { kind, name } }) => ({
      path,
      content: `certificate of ${kind === "server" ? "the server" : `the client "${name}"`}`,
    })),
  );
  if (renewed.some(({ of: { kind } }) => kind === "server")) {
    await tell(world.io, `The daemon uses its new certificate after a reload: ${RELOAD}`);
  }
  if (renewed.some(({ of: { kind } }) => kind === "client")) {
    await tell(world.io, "The keys have not changed: clients only need the new certificate");
  }
  return 0;
}

async function list(world: World, verb: ListCertsVerb): Promise<number> {
  const { io, settings } = world;
  using authority = await open(verb);
  const issued = await authority.issued();
  if (settings.json) {
    for (const one of issued) await printLine(io.stdout, jsonLine(jsonOf(one)));
    return 0;
  }
  // On a terminal the date is enough, and leaves room for the rest.
  const { isTerminal } = io.stdout;
  const rows = issued.map((one) => [
    one.kind,
    printable(one.name),
    one.roles.join(",") || "-",
    new Date(one.notAfter).toISOString().replace(isTerminal ? /T.*/ : /\.\d+/, ""),
    statusOf(one),
    one.paths.map((path) => printable(basename(path))).join(",") || "-",
    one.serialNumber,
  ]);
  const lines = isTerminal
    ? await table([HEADING, ...rows], { columns: io.stdout.columns })
    : rows.map((row) => row.join("\t"));
  if (lines.length > 0) await printLine(io.stdout, lines.join("\n"));
  return 0;
}

/**
 * If several certificates have the same name, the one with a file is in use; the others are valid, too.
 */
const HEADING = ["KIND", "NAME", "ROLES", "UNTIL", "STATUS", "FILE", "SERIAL"];

async function revoke(world: World, verb: RevokeCertVerb): Promise<number> {
  const { io, settings } = world;
  using authority = await open(verb);
  const revoked = await authority.revoke(verb.user);
  const { denyList } = authority;
  if (settings.json) {
    for (const one of revoked) {
      await printLine(io.stdout, jsonLine(jsonOf({ ...one, denied: true })));
    }
  } else if (revoked.length > 0) {
    await printLine(io.stdout, revoked.map(({ serialNumber }) => serialNumber).join("\n"));
  }
  // Not only on a terminal: until the daemon reads the list, nobody is shut out.
  await printLine(
    io.stderr,
    revoked.length === 0
      ? `${printable(verb.user)} is already on the deny list ${printable(denyList)}`
      : `${printable(verb.user)} is now on the deny list ${
        printable(denyList)
      }; the daemon reads ` +
        `it, and closes open connections, at a reload: ${RELOAD}`,
  );
  return 0;
}

function statusOf({ denied, notBefore, notAfter }: IssuedCertificate): string {
  const now = Date.now();
  return denied ? "revoked" : now > notAfter ? "expired" : now < notBefore ? "not yet" : "good";
}

function jsonOf(one: IssuedCertificate): unknown {
  const { kind, name, roles, serialNumber, fingerprint, notBefore, notAfter, denied } = one;
  return {
    kind,
    name,
    roles,
    serialNumber,
    fingerprint,
    notBefore: new Date(notBefore).toISOString(),
    notAfter: new Date(notAfter).toISOString(),
    denied,
    status: statusOf(one),
    files: one.paths,
  };
}

async function open(verb: Exclude<CertsVerb, MakeCertsVerb>) {
  const { CertificateAuthority } = await import("../../auth/certificate_authority.ts");
  return await CertificateAuthority.open(verb);
}

async function printFiles(
  { io, settings }: World,
  files: readonly { readonly path: string; readonly content: string }[],
): Promise<void> {
  if (files.length === 0) return;
  const lines = settings.json
    ? files.map(({ path, content }) => jsonLine({ path, content }))
    : await table(files.map(({ path, content }) => [printable(path), printable(content)]), {
      columns: Infinity,
    });
  await printLine(io.stdout, lines.join("\n"));
}
