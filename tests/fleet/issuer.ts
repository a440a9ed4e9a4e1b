import type { CertifiedKey } from "../../lib/auth/issue_certificate.ts";
import type { TestHub } from "./test_hub.ts";

/** The CA of a hub, for certificates that no command makes. */
export async function issuerOf(hub: TestHub): Promise<CertifiedKey> {
  const read = (name: string) => Deno.readTextFile(`${hub.directory}/certs/${name}.pem`);
  return { cert: await read("ca-cert"), key: await read("ca-key") };
}
