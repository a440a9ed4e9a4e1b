/** Where to listen or to connect. */
export interface HostPort {
  /** A name or an IP address, IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** For each wildcard address, the loopback address at which to reach what is bound to it. */
export const LOOPBACK: Readonly<Record<string, string>> = {
  "0.0.0.0": "127.0.0.1",
  "::": "::1",
};

/**
 * As that of `node:net`, which takes as long to load as the rest of a command line to be read: the address in a URL is
 * the same, but for a zone, see section 3.2.2 of RFC 3986.
 */
export function isIPv6(text: string): boolean {
  const [, address] = /^([\da-f:.]+)(?:%[\da-z.:-]+)?$/i.exec(text) ?? [];
  return address !== undefined && URL.canParse(`http://[${address}]/`);
}

/** `127.0.0.1:8080` or `[::1]:8080`; an IPv4 address from an IPv6 socket is written as IPv4. */
export function formatHostPort(hostname = "", port = 0): string {
  const host = asIPv4(hostname);
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * What clients are counted by: their IPv4 address, or their IPv6 network, such as `2001:db8:0:7::/64`, because
 * everybody has 2^64 addresses in IPv6.
 */
export function sourceOf(address: string): string {
  const plain = plainAddress(address);
  return isIPv6(plain) ? prefixOf(plain, 64) : plain;
}

/**
 * The network around a {@linkcode sourceOf}: `192.0.2.0/24`, or `2001:db8:0::/48`, which is the most that one site
 * is given (RFC 6177).
 */
export function networkOf(address: string): string {
  const plain = plainAddress(address);
  return isIPv6(plain) ? prefixOf(plain, 48) : plain.replace(/\.\d+$/, ".0/24");
}

/** The first bits of an IPv6 address, a multiple of 16. */
function prefixOf(address: string, bits: number): string {
  const [head = [], tail] = address.split("::").map((part) => part.split(":").filter(Boolean));
  const groups = [...head, ...Array(tail ? 8 - head.length - tail.length : 0).fill("0")];
  return `${[...groups, ...tail ?? []].slice(0, bits / 16).join(":")}::/${bits}`;
}

/** Without the zone of a link-local address. */
function plainAddress(address: string): string {
  return asIPv4(address).replace(/%.*$/, "");
}

function asIPv4(address: string): string {
  return address.replace(/^::ffff:(?=[0-9.]+$)/i, "");
}

/** Letters and digits of any script: whether the name resolves is for the system to say. */
const HOST_NAME = /^[\p{L}\p{N}._-]+$/u;

/**
 * Reads `host:port` or `[IPv6 address]:port`. The port may be 0.
 *
 * @returns `null` for anything else; {@linkcode hostPortHint} may say why
 */
export function parseHostPort(text: string): HostPort | null {
  const [, bracketed, plain = "", digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ??
    [];
  const port = Number(digits);
  // Deno can neither listen on an address with a zone nor connect to one.
  const isHost = bracketed === undefined
    ? HOST_NAME.test(plain)
    : isIPv6(bracketed) && !bracketed.includes("%");
  return isHost && port <= 65_535 ? { hostname: bracketed ?? plain, port } : null;
}

/** What to add to the error about a text that is not accepted: what to write instead, or nothing. */
export function hostPortHint(text: string): string {
  if (/^\w+:\/\//.test(text)) return ", without a scheme such as https://";
  if (text.includes("%")) return "; an address with a zone, such as %lo, cannot be used";
  if (text.startsWith("*")) return "; write 0.0.0.0 or [::] for every address";
  if (isIPv6(text) || /^\[[^\]]*\]$/.test(text)) {
    return "; write an IPv6 address in brackets, followed by its port";
  }
  return "";
}
