/** The name of our own socket in the data directory; Deno cannot send from a socket without a name. */
export const OWN_SOCKET = "notify.sock";

/** Where the service manager that started us listens, see sd_notify(3); `null` if there is none. */
export function notifySocket(environment: (name: string) => string | undefined): string | null {
  const path = environment("NOTIFY_SOCKET") ?? "";
  // Deno cannot reach an abstract socket ("@…"), which systemd used until 2014.
  return path.startsWith("/") ? path : null;
}
