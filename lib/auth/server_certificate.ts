import { failedPrecondition } from "../errors.ts";
import { MAKE_CERTIFICATES } from "../text/command_hints.ts";
import { certificatePems } from "./pem.ts";
import { loadTlsMaterial, type TlsMaterial, type TlsPaths } from "./tls_material.ts";
import { x509 } from "./x509.ts";

/**
 * The material of a daemon, whose certificate must be one that clients take for a server's: else each of
 * them would refuse it, and tell of a CA that it does not know.
 *
 * @throws {JobWorkerError} `failed_precondition`, as {@linkcode loadTlsMaterial} does
 */
export async function loadServerMaterial(paths: TlsPaths): Promise<TlsMaterial> {
  const material = await loadTlsMaterial(paths, "server");
  const [pem = ""] = certificatePems(material.cert);
  const purposes = new x509.X509Certificate(pem).getExtension(x509.ExtendedKeyUsageExtension);
  // Without that extension, it is for everything.
  if (purposes?.usages.includes(x509.ExtendedKeyUsage.serverAuth) ?? true) return material;
  throw failedPrecondition(
    `Cannot use the certificate "${paths.cert}": it is not for servers (no EKU serverAuth); name that ` +
      `of the server, which \`${MAKE_CERTIFICATES}\` calls server-cert.pem`,
  );
}
