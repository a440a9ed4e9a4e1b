import type { CertsVerb, Settings } from "../invocation.ts";
import { type Io, printLine, tell } from "../io.ts";
import { jsonLine, printable } from "../../printable.ts";
import { table } from "../table.ts";

/** Makes a CA and the certificates of a server and three users, and says what is in which file. */
export async function certs(
  { io, settings }: { io: Io; settings: Settings },
  { directory, force, hosts }: CertsVerb,
): Promise<number> {
  // Loaded when it is needed: nothing else makes certificates, and its packages are large.
  const { makeCertificates } = await import("../../auth/certificates.ts");
  const files = await makeCertificates(directory, { force, hosts: [...io.hostNames(), ...hosts] });
  const lines = settings.json
    ? files.map(jsonLine)
    : table(files.map(({ path, content }) => [printable(path), content]), { columns: Infinity });
  await printLine(io.stdout, lines.join("\n"));
  await tell(io, "Keep ca-key.pem safe: whoever has it can make certificates of any user");
  return 0;
}
