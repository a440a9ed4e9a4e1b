/**
 * The configuration of nats-server for a fleet: each member connects by its certificate, and may do what its part
 * needs and nothing more.
 *
 * @module
 */

import { createHash, X509Certificate } from "node:crypto";
import { busUserOf } from "../auth/fleet_certificates.ts";
import { formatHostPort, parseHostPort } from "../net/host_port.ts";
import { FLEET_FILES, type FleetHost, type FleetSettings } from "./fleet_files.ts";
import { ALL_BEATS, beatSubject, callSubject, hostSubjects, hubInbox } from "./subjects.ts";

/** Who may connect. */
export interface NatsMembers {
  readonly settings: FleetSettings;
  /** The certificate of nats-server itself: PEM. */
  readonly serverCert: string;
  /** The hub's certificate for its connection: PEM. */
  readonly hubCert: string;
  readonly hosts: readonly Pick<FleetHost, "host" | "tlsCert">[];
}

/**
 * What `nats.conf` says. It names the files beside it without a directory, so nats-server is started in their
 * directory, which may be on another machine than the hub.
 */
export function natsConf({ settings, serverCert, hubCert, hosts }: NatsMembers): string {
  const { fleet, hub, nats } = settings;
  const members = [
    {
      user: busUserOf({ fleet, kind: "hub", name: hub }),
      cert: hubCert,
      permissions: {
        publish: [callSubject("*", "*")],
        subscribe: [ALL_BEATS, `${hubInbox(hub)}.>`],
      },
    },
    ...hosts.map(({ host, tlsCert }) => ({
      user: busUserOf({ fleet, kind: "host", name: host }),
      cert: tlsCert,
      permissions: {
        publish: [beatSubject(host)],
        subscribe: [hostSubjects(host)],
        // One answer to each call, and where the call says: so it needs no right to publish to the hub.
        allow_responses: { max: 1, expires: "2m" },
      },
    })),
  ];
  return `# Written by \`worker-daemon\`, which does so again when a host is added or removed. To say more, write a file
# of your own with the line: include "${FLEET_FILES.natsConf}"

listen: "0.0.0.0:${parseHostPort(nats[0] ?? "")?.port}"
max_payload: 8MB
ping_interval: "10s"
ping_max: 2

tls {
  cert_file: "${FLEET_FILES.natsServerCert}"
  key_file: "${FLEET_FILES.natsServerKey}"
  ca_file: "${FLEET_FILES.ca}"
  min_version: "1.3"
  verify_and_map: true
  # The CA has signed for others, too, and for members that are no longer: these are the keys of those that are.
  pinned_certs: [
${members.map(({ cert }) => `    "${pinOf(cert)}"\n`).join("")}  ]
}
${nats.length > 1 ? clusterText(settings, serverCert) : ""}
authorization {
  users: [
${
    members.map(({ user, permissions }) => `    ${JSON.stringify({ user, permissions })}\n`).join(
      "",
    )
  }  ]
}
`;
}

/** The port at which the servers of a cluster listen for each other, unless they are told otherwise. */
const CLUSTER_PORT = 6222;

/** Several servers are one: whoever is connected to any of them reaches everybody. They share files and key. */
function clusterText({ fleet, nats }: FleetSettings, serverCert: string): string {
  const routes = nats.map((address) => {
    const hostname = parseHostPort(address)?.hostname;
    return `    "tls://${formatHostPort(hostname, CLUSTER_PORT)}"\n`;
  });
  return `
cluster {
  name: "${fleet}"
  listen: "0.0.0.0:${CLUSTER_PORT}"
  routes: [
${routes.join("")}  ]
  tls {
    cert_file: "${FLEET_FILES.natsServerCert}"
    key_file: "${FLEET_FILES.natsServerKey}"
    ca_file: "${FLEET_FILES.ca}"
    verify: true
    # Or any certificate of the CA would do, and a server in a cluster may do anything.
    pinned_certs: [ "${pinOf(serverCert)}" ]
  }
}
`;
}

/** SHA-256 of the public key of a certificate, as RFC 7858, 4.2 has it. */
function pinOf(cert: string): string {
  const key = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("hex");
}
