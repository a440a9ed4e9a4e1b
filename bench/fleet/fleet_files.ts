import { join } from "node:path";
import { CertificateAuthority } from "../../lib/auth/certificate_authority.ts";
import { issueFleetCredentials, makeSealKeys } from "../../lib/auth/fleet_certificates.ts";
import { FLEET_DIRECTORY, readFleetSettings, writeFleetHost } from "../../lib/fleet/fleet_files.ts";
import type { JoinFile } from "../../lib/fleet/join_file.ts";
import type { TestHub } from "../../tests/fleet/test_hub.ts";

/** The label of simulated hosts. */
export const SIMULATED = { kind: "simulated" };

/** Where what they join with stands, in the directory of the hub. */
export const JOINING = "simulated.json";

/** Does what `host add` does, for many hosts at once, but that `nats.conf` does not have them yet. */
export async function addSimulated(
  { directory }: TestHub,
  names: readonly string[],
): Promise<void> {
  const place = join(directory, FLEET_DIRECTORY);
  const { fleet, nats } = await readFleetSettings(place);
  using authority = await CertificateAuthority.open({
    directory: join(directory, "certs"),
    caKey: "",
    denyList: "",
  });
  const terms = await authority.terms(1);
  const joining: JoinFile[] = [];
  for (const host of names) {
    const { tls, sign } = await issueFleetCredentials({ fleet, kind: "host", name: host }, terms);
    const { privateKey, publicKey } = await makeSealKeys();
    const certificates = { tlsCert: tls.cert, signCert: sign.cert, sealKey: publicKey };
    await writeFleetHost(place, { host, labels: SIMULATED, slots: 1_000, ...certificates });
    joining.push({ fleet, host, nats, ca: terms.issuer.cert, tls, sign, sealKey: privateKey });
  }
  await Deno.writeTextFile(join(directory, JOINING), JSON.stringify(joining), { mode: 0o600 });
}
