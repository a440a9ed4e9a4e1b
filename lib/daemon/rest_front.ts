import { PasswordLogin } from "../auth/password_login.ts";
import type { Sessions } from "../auth/sessions.ts";
import type { TlsMaterial } from "../auth/tls_material.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { cannotListen } from "../net/free_port.ts";
import type { HostPort } from "../net/host_port.ts";
import { restApp } from "../rest/app.ts";
import type { FailedLogin } from "../rest/basic_auth.ts";
import { rateLimit } from "../rest/rate_limit.ts";
import { hostsOf, RestServer } from "../rest/server.ts";
import type { GatewayRefusal } from "../service/audit.ts";
import type { JobService } from "../service/job_service.ts";
import { passwordFileOf } from "./credentials.ts";
import { diagnostics } from "./diagnostics.ts";
import type { FrontCounts } from "./front_counts.ts";
import type { GatewayOptions } from "./gateway_protocol.ts";
import { portOf, REPORTS, warnOfRefused } from "./listening.ts";

/** What of the options of a gateway concerns REST. */
type RestOptions = Pick<
  GatewayOptions,
  | "credentials"
  | "publicOrigins"
  | "inherited"
  | "exclusive"
  | "maxConnections"
  | "maxConnectionsPerAddress"
  | "slowness"
>;

/** Options of {@linkcode openRest}; see those of `NetworkFront.open()`. */
export interface RestFrontOptions extends RestOptions {
  readonly material: TlsMaterial;
  readonly counts: FrontCounts;
  readonly sessions?: Sessions | null;
  readonly onRefused: (refusal: GatewayRefusal) => void;
  readonly onUsed: () => void;
}

/** Opens REST over HTTPS. Its logins are closed with the resources. */
export async function openRest(
  service: JobService,
  address: HostPort,
  options: RestFrontOptions,
  resources: AsyncDisposableStack,
): Promise<RestServer> {
  const { material, credentials, counts } = options;
  const login = resources.use(new PasswordLogin(passwordFileOf(credentials)));
  const reportLogin = rateLimit<FailedLogin>((failed, unreported) => {
    const { peer } = failed;
    const user = failed.user.slice(0, 64);
    const fields = { user, peer, ...(unreported > 0 && { unreported }) };
    diagnostics.warn("Failed login of {user} from {peer}", fields);
    const why = "Unknown user or wrong password";
    options.onRefused({ method: "login", peer, user, fingerprint: "", why, unreported });
  }, REPORTS);
  const app = restApp(service, login, {
    isOurHost: hostsOf(material.cert),
    publicOrigins: options.publicOrigins,
    sessions: options.sessions ?? null,
    onFailedLogin: (failed) => {
      counts.rest.failedLogins++;
      reportLogin(failed);
    },
    onFault: (error, method) => diagnostics.error("{method} failed: {error}", { method, error }),
  });
  const warn = rateLimit(warnOfRefused, REPORTS);
  const descriptor = options.inherited.rest;
  const port = await portOf(address, descriptor, options);
  const listening = RestServer.listen({
    hostname: address.hostname,
    port,
    reusePort: true,
    descriptor,
    material,
    answer: (request, env) => {
      options.onUsed();
      counts.rest.requests++;
      return app.fetch(request, env);
    },
    maxConnections: Math.ceil(options.maxConnections / 2),
    maxConnectionsPerAddress: Math.ceil(options.maxConnectionsPerAddress / 2),
    slowness: options.slowness,
    onRefused: (refused) => {
      options.onUsed();
      counts.rest.refused++;
      warn(refused);
    },
    onError: (error) => diagnostics.error("Listener: {why}", { why: messageOf(error) }),
  });
  return await listening.catch((error) => {
    throw error instanceof JobWorkerError ? error : cannotListen({ ...address, port }, error);
  });
}
