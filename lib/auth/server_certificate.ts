import { X509Certificate } from "node:crypto";
import { failedPrecondition } from "../errors.ts";
import { MAKE_CERTIFICATES } from "../text/command_hints.ts";
import { isForServers } from "./extended_key_usage.ts";
import { certificatePems } from "./pem.ts";
import { loadTlsMaterial, type TlsMaterial, type TlsPaths } from "./tls_material.ts";

/**
 * Loads the TLS material of a daemon. The certificate must be one that clients accept from a server:
 * otherwise each of them would refuse it, and complain about an unknown CA.
 *
 * @throws {JobWorkerError} `failed_precondition`, as {@linkcode loadTlsMaterial} does
 */
export async function loadServerMaterial(paths: TlsPaths): Promise<TlsMaterial> {
  const material = await loadTlsMaterial(paths, "server");
  const [pem = ""] = certificatePems(material.cert);
  if (isForServers(new X509Certificate(pem))) return material;
  throw failedPrecondition(
    `Cannot use the certificate "${paths.cert}": it is not for servers (no EKU serverAuth); use ` +
      `the server's, which \`${MAKE_CERTIFICATES}\` calls server-cert.pem`,
  );
}
