import { type JobWorkerError, NO_JOB_USER } from "../errors.ts";
import { ASK_FOR_CERTIFICATE, MAKE_CERTIFICATES, START_DAEMON } from "../text/command_hints.ts";
import type { Settings } from "./invocation.ts";

/** What to do next about a call that failed; `null` if its message says it all. */
export function adviceFor(error: JobWorkerError, settings: Settings): string | null {
  switch (error.code) {
    case "unavailable":
      return adviceForConnection(error.reason, settings);
    case "not_found":
      return "To see your jobs: worker-cli list all";
    case "permission_denied":
    case "unauthenticated":
      // For a user of the system, another certificate is not what is missing.
      return error.reason === NO_JOB_USER
        ? null
        : `Your certificate is "${settings.cert}"; to use another one: --cert and --key`;
    case "deadline_exceeded":
      return `The daemon at ${settings.address} did not answer in time; is it overloaded?`;
    case "internal":
      return "The daemon's diagnostics say more";
    default:
      return null;
  }
}

function adviceForConnection(reason: string | undefined, settings: Settings): string | null {
  const { address, cert, ca } = settings;
  switch (reason) {
    case "ECONNREFUSED":
      return `Is the daemon running at ${address}? Start it with \`${START_DAEMON}\`, ` +
        "or pass its address with --address host:port";
    case "ENOTFOUND":
      return `Is the host name in --address ${address} right?`;
    case "TIMEOUT":
      return `Can ${address} be reached from here, and is it a Job Worker daemon?`;
    case "SILENT":
      return "If it has only just been started, try again in a moment; `systemctl status worker-daemon` on " +
        "its server may say more. Otherwise, is it a Job Worker daemon?";
    case "NOT_GRPC":
    case "NOT_TLS":
      return "The daemon says at its start on which port it serves gRPC: pass that with --address host:port [8080]";
    case "SERVER_CERTIFICATE_UNTRUSTED":
    case "SERVER_CERTIFICATE_EXPIRED":
    case "SERVER_NAME_MISMATCH":
      return adviceForServerCertificate(reason, ca);
    case "CLIENT_CERTIFICATE_REFUSED":
      return `The daemon does not accept "${cert}": it must be a client certificate from ` +
        `the daemon's CA, valid now and not revoked; ${ASK_FOR_CERTIFICATE}`;
    default:
      return null;
  }
}

/** What to do about the certificate of a daemon, over gRPC or REST. */
export function adviceForServerCertificate(
  reason: "SERVER_CERTIFICATE_UNTRUSTED" | "SERVER_CERTIFICATE_EXPIRED" | "SERVER_NAME_MISMATCH",
  ca: string,
): string {
  switch (reason) {
    case "SERVER_CERTIFICATE_UNTRUSTED":
      return `The daemon's certificate is not from a CA in "${ca}": pass that daemon's ca-cert.pem ` +
        "with --ca; or the daemon's --cert file lacks the certificates of intermediate CAs";
    case "SERVER_CERTIFICATE_EXPIRED":
      return `Whoever runs the daemon can renew it there with \`${MAKE_CERTIFICATES} renew server\`; ` +
        "or is the clock of this machine wrong?";
    case "SERVER_NAME_MISMATCH":
      return "Use a name that is in the daemon's certificate, or ask whoever runs the daemon to add this " +
        `one with \`${MAKE_CERTIFICATES} renew server --host NAME\``;
  }
}
