import { checkServerIdentity, type PeerCertificate } from "node:tls";
import type { NodeConnectionOptions } from "@nats-io/transport-node";

/**
 * Has each server held to the name, or the IP address, at which it is looked for: its certificate must say that.
 *
 * The client itself names no server to TLS unless it has resolved the name of it, and Deno then takes `localhost` for
 * the name: any server certificate of the CA with `localhost` in it would pass for any server [measured, with
 * `@nats-io/transport-node` 3.4.0].
 *
 * @param tls what else there is to say about TLS
 * @returns options for one connection, and for no other
 */
export function identifiedServers(
  tls: NonNullable<NodeConnectionOptions["tls"]>,
): Pick<NodeConnectionOptions, "tls" | "reconnectToServer" | "ignoreClusterUpdates"> {
  let host = "";
  const checked = {
    ...tls,
    checkServerIdentity: (_name: string, certificate: PeerCertificate) =>
      checkServerIdentity(host, certificate),
  };
  return {
    tls: checked,
    // It is asked before every attempt, one after the other, and leaves the choice to the client.
    reconnectToServer([next]) {
      host = next?.hostname ?? "";
      return null;
    },
    // Servers tell of others by addresses of their own, which their certificate does not name.
    ignoreClusterUpdates: true,
  };
}
