import { isIPv6 } from "node:net";

/** Where to listen or to connect. */
export interface HostPort {
  /** A name or an IP address, IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** `127.0.0.1:8080` or `[::1]:8080`; an IPv4 address that came by an IPv6 socket is written as IPv4. */
export function formatHostPort(hostname = "", port = 0): string {
  const host = asIPv4(hostname);
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Who an IP address stands for where clients are counted: itself in IPv4; in IPv6, where everybody has
 * 2^64 of them, its network, like `2001:db8:0:7::/64`.
 */
export function networkOf(address: string): string {
  const plain = asIPv4(address).replace(/%.*$/, "");
  if (!isIPv6(plain)) return plain;
  const [head = [], tail] = plain.split("::").map((part) => part.split(":").filter(Boolean));
  const groups = [...head, ...Array(tail ? 8 - head.length - tail.length : 0).fill("0")];
  return `${[...groups, ...tail ?? []].slice(0, 4).join(":")}::/64`;
}

function asIPv4(address: string): string {
  return address.replace(/^::ffff:(?=[0-9.]+$)/i, "");
}

/**
 * Reads `host:port` or `[IPv6 address]:port`. The port may be 0.
 *
 * @returns `null` for anything else
 */
export function parseHostPort(text: string): HostPort | null {
  const [, bracketed, plain = "", digits] =
    /^(?:\[([^\]]+)\]|([^\s:[\]/@]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const isHost = bracketed === undefined ? plain !== "" : isIPv6(bracketed);
  return isHost && port <= 65_535 ? { hostname: bracketed ?? plain, port } : null;
}
