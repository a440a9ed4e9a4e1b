import type { JobWorkerError } from "../errors.ts";
import { ASK_FOR_CERTIFICATE, MAKE_CERTIFICATES, START_DAEMON } from "../text/command_hints.ts";
import type { Settings } from "./invocation.ts";

/** What to do next about a call that failed, or `null` where its message says it all. */
export function adviceFor(error: JobWorkerError, settings: Settings): string | null {
  switch (error.code) {
    case "unavailable":
      return adviceForConnection(error.reason, settings);
    case "not_found":
      return "Those you may see: worker-cli list all";
    case "permission_denied":
    case "unauthenticated":
      return `Your certificate is "${settings.cert}"; for another role: --cert and --key`;
    case "deadline_exceeded":
      return `The daemon at ${settings.address} did not answer in time; is it overloaded?`;
    case "internal":
      return "The daemon's own diagnostics say more";
    default:
      return null;
  }
}

function adviceForConnection(reason: string | undefined, settings: Settings): string | null {
  const { address, cert, ca } = settings;
  switch (reason) {
    case "ECONNREFUSED":
      return `Is the daemon running at ${address}? Start it: ${START_DAEMON}; ` +
        "or say where it is: --address host:port";
    case "ENOTFOUND":
      return `Is the host name in --address ${address} right?`;
    case "TIMEOUT":
      return `Can ${address} be reached from here, and is it a Job Worker daemon?`;
    case "SILENT":
      return "If it has only just been started, try again in a while: on its server, " +
        `\`systemctl status worker-daemon\` may tell; else, is it a Job Worker daemon?`;
    case "SERVER_CERTIFICATE_UNTRUSTED":
    case "SERVER_CERTIFICATE_EXPIRED":
    case "SERVER_NAME_MISMATCH":
      return adviceForServerCertificate(reason, ca);
    case "CLIENT_CERTIFICATE_REFUSED":
      return `The daemon does not accept "${cert}": it must be of the daemon's CA, ` +
        `for use by a client, valid now and not revoked; ${ASK_FOR_CERTIFICATE}`;
    default:
      return null;
  }
}

/** What to do about the certificate of a daemon, be it over gRPC or REST. */
export function adviceForServerCertificate(
  reason: "SERVER_CERTIFICATE_UNTRUSTED" | "SERVER_CERTIFICATE_EXPIRED" | "SERVER_NAME_MISMATCH",
  ca: string,
): string {
  switch (reason) {
    case "SERVER_CERTIFICATE_UNTRUSTED":
      return `"${ca}" holds no CA that issued the daemon's certificate: pass the ca-cert.pem of ` +
        "that daemon with --ca; or the daemon's --cert lacks the certificates of intermediate CAs";
    case "SERVER_CERTIFICATE_EXPIRED":
      return `Whoever runs the daemon renews it there: ${MAKE_CERTIFICATES} renew server; ` +
        "or is the clock here wrong?";
    case "SERVER_NAME_MISMATCH":
      return "Connect by a name in the daemon's certificate, or whoever runs the daemon adds this " +
        `one there: ${MAKE_CERTIFICATES} renew server --host NAME`;
  }
}
