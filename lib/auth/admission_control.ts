/**
 * Decides which TCP connections a listener takes, so that those who have not shown who they are cannot keep out
 * those who can.
 *
 * A connection is a *stranger's* from its first moment until its client has proven who it is, by a certificate or a
 * password, and *known* from then on. The two count apart. When there are too many strangers, the one to go is the
 * oldest of whoever has the most: the largest network first, and in that the largest source. A flood therefore drops
 * its own connections, and a client from elsewhere keeps its place for as long as a handshake takes. Only when there
 * are more networks than places do all of them compete, and then the oldest goes, as if there were one. Strangers from
 * where somebody has recently proven who they are go last: this is probably them again.
 *
 * @module
 */

import type { Socket } from "node:net";
import { Counts } from "../counts.ts";
import { networkOf, sourceOf } from "../net/host_port.ts";
import { peerOf } from "../net/peer.ts";
import { ExpiringSet } from "./expiring_set.ts";
import { SourcePenalties } from "./source_penalties.ts";

/** A connection that was not let in. */
export interface RefusedConnection {
  /** Address and port of the other side, as people write them. */
  readonly peer: string;
  readonly message: string;
}

/** Why a connection is not taken. */
export type AdmissionRefusal =
  | "too_many_connections"
  | "too_many_connections_of_user"
  | "too_many_failures";

/** What to say about it. */
export const ADMISSION_MESSAGES: Readonly<Record<AdmissionRefusal, string>> = {
  too_many_connections: "There are already too many connections",
  too_many_connections_of_user: "That user has half of all connections already",
  too_many_failures: "Too many connections from that address have failed",
};

/** How many connections may be open at once. */
export interface ConnectionLimits {
  /** Strangers' included. */
  readonly maxConnections: number;
  /** From one source, see {@linkcode sourceOf}. */
  readonly maxConnectionsPerAddress: number;
}

/** Options of {@linkcode AdmissionControl}. */
export interface AdmissionControlOptions extends ConnectionLimits {
  /** Told of each stranger's connection that is about to be ended to make room. */
  readonly onDropped: (socket: Socket) => void;
  /** The time in milliseconds of a clock that does not go back; `performance.now` by default. */
  readonly now?: () => number;
}

/** How many connections strangers and others have from a source, or from a network. */
interface Tally {
  strangers: number;
  known: number;
}

interface Connection {
  readonly key: string;
  readonly peer: string;
  readonly socket: Socket;
  readonly arrivedAt: number;
  readonly source: string;
  readonly network: string;
  readonly ofSource: Tally;
  readonly ofNetwork: Tally;
  /** Whose it is, once it is known. */
  user: string;
  /** Whether it comes from where somebody has recently proven who they are. */
  readonly isTrusted: boolean;
  isKnown: boolean;
  /** Whether it has been of use, so that its end is no failure. */
  isExcused: boolean;
}

/** How long a source is remembered from which somebody has proven who they are. */
const KNOWN_SOURCE_MS = 24 * 3_600_000;
const MAX_KNOWN_SOURCES = 10_000;

/** Who leaves sooner than this without a byte only checked the port, as a load balancer does. */
const PORT_CHECK_MS = 1_000;

/** Counts the connections of one listener from their first moment on, and drops strangers when there are too many. */
export class AdmissionControl {
  readonly #options: AdmissionControlOptions;
  readonly #now: () => number;
  /** The connections by the addresses and ports of both ends, in the order of their arrival. */
  readonly #open = new Map<string, Connection>();
  readonly #strangers = new Set<Connection>();
  readonly #sources = new Map<string, Tally>();
  readonly #networks = new Map<string, Tally>();
  /** How many connections each user has that are known. */
  readonly #users = new Counts<string>();
  readonly #penalties = new SourcePenalties();
  readonly #knownSources = new ExpiringSet({
    keptMs: KNOWN_SOURCE_MS,
    maxKeys: MAX_KNOWN_SOURCES,
  });

  readonly #maxKnown: number;
  readonly #maxKnownOfUser: number;
  readonly #maxStrangers: number;
  readonly #maxStrangersOfNetwork: number;
  readonly #maxStrangersOfSource: number;

  constructor(options: AdmissionControlOptions) {
    const { maxConnections, maxConnectionsPerAddress, now = () => performance.now() } = options;
    this.#options = options;
    this.#now = now;
    // The last eighth is always for strangers: however many are in, somebody can show a certificate.
    this.#maxKnown = maxConnections - Math.floor(maxConnections / 8);
    // From wherever they come: one certificate may be used in many places.
    this.#maxKnownOfUser = Math.ceil(maxConnections / 2);
    const part = (of: number) => Math.max(1, Math.floor(maxConnections / of));
    this.#maxStrangers = part(2);
    this.#maxStrangersOfNetwork = part(4);
    this.#maxStrangersOfSource = Math.min(part(8), maxConnectionsPerAddress);
  }

  /**
   * Takes a new connection, as a stranger's, or says why not. If it is taken, it counts until it is closed; others may
   * be dropped for it.
   */
  admit(socket: Socket): AdmissionRefusal | null {
    const now = this.#now();
    const address = socket.remoteAddress ?? "";
    const [source, network] = [sourceOf(address), networkOf(address)];
    const knownOfSource = this.#sources.get(source)?.known ?? 0;
    const isFull = this.#open.size - this.#strangers.size >= this.#maxKnown;
    if (isFull || knownOfSource >= this.#options.maxConnectionsPerAddress) {
      return "too_many_connections";
    }
    const isTrusted = this.#knownSources.has(source, now);
    if (!isTrusted && this.#penalties.isRefused(source, now)) return "too_many_failures";
    const key = keyOf(socket);
    // If there is one with the same ends, it has ended, and we have yet to be told.
    const ended = this.#open.get(key);
    if (ended !== undefined) this.#onClose(ended);
    const connection: Connection = {
      key,
      peer: peerOf(socket),
      socket,
      arrivedAt: now,
      source,
      network,
      ofSource: tallyOf(this.#sources, source),
      ofNetwork: tallyOf(this.#networks, network),
      user: "",
      isTrusted,
      isKnown: false,
      isExcused: false,
    };
    this.#open.set(key, connection);
    this.#strangers.add(connection);
    connection.ofSource.strangers++;
    connection.ofNetwork.strangers++;
    this.#makeRoomFor(connection);
    socket.once("close", () => this.#onClose(connection));
    return null;
  }

  /**
   * Declares that the client has proven to be a user. From now on the connection is dropped for nobody.
   *
   * @param socket the admitted one, or that of the TLS connection over it
   * @returns why there is no room for one more that is known, or `null`
   */
  authenticated(socket: Socket, user: string): AdmissionRefusal | null {
    const connection = this.#open.get(keyOf(socket));
    if (connection === undefined) return "too_many_connections";
    connection.isExcused = true;
    this.#knownSources.add(connection.source, this.#now());
    if (connection.isKnown) return null;
    const { ofSource, ofNetwork } = connection;
    const known = this.#open.size - this.#strangers.size;
    const { maxConnectionsPerAddress } = this.#options;
    if (known >= this.#maxKnown || ofSource.known >= maxConnectionsPerAddress) {
      return "too_many_connections";
    }
    if (this.#users.of(user) >= this.#maxKnownOfUser) return "too_many_connections_of_user";
    this.#users.add(user, 1);
    connection.user = user;
    connection.isKnown = true;
    this.#strangers.delete(connection);
    for (const tally of [ofSource, ofNetwork]) {
      tally.strangers--;
      tally.known++;
    }
    return null;
  }

  /** Declares that a connection has been of use, though not who its client is: its end is no failure. */
  excuse(socket: Socket): void {
    const connection = this.#open.get(keyOf(socket));
    if (connection !== undefined) connection.isExcused = true;
  }

  /** Ends every connection, in whatever state, except those of these peers. */
  end(spared: ReadonlySet<string> = new Set()): void {
    for (const connection of this.#open.values()) {
      connection.isExcused = true;
      if (!spared.has(connection.peer)) connection.socket.destroy();
    }
  }

  #makeRoomFor(newcomer: Connection): void {
    const { source, network, ofSource, ofNetwork } = newcomer;
    if (ofSource.strangers > this.#maxStrangersOfSource) {
      this.#dropOneOf((stranger) => stranger.source === source);
    }
    if (ofNetwork.strangers > this.#maxStrangersOfNetwork) {
      this.#dropOneOf((stranger) => stranger.network === network);
    }
    const isCrowded = this.#strangers.size > this.#maxStrangers ||
      this.#open.size > this.#options.maxConnections;
    if (isCrowded) this.#dropOneOf(() => true);
  }

  /** Drops one of some strangers. */
  #dropOneOf(isAmong: (stranger: Connection) => boolean): void {
    let victim: Connection | null = null;
    for (const stranger of this.#strangers) {
      if (isAmong(stranger) && (victim === null || goesFirst(stranger, victim))) victim = stranger;
    }
    if (victim === null) return;
    this.#forget(victim);
    this.#fail(victim);
    this.#options.onDropped(victim.socket);
    victim.socket.destroy();
  }

  #onClose(connection: Connection): void {
    if (!this.#forget(connection) || connection.isExcused) return;
    const checkedPort = connection.socket.bytesRead === 0 &&
      this.#now() - connection.arrivedAt < PORT_CHECK_MS;
    if (!checkedPort) this.#fail(connection);
  }

  #fail({ source }: Connection): void {
    this.#penalties.fail(source, this.#now());
  }

  /** @returns whether it was counted until now */
  #forget(connection: Connection): boolean {
    const { key, source, network, ofSource, ofNetwork, user, isKnown } = connection;
    if (this.#open.get(key) !== connection) return false;
    this.#open.delete(key);
    this.#strangers.delete(connection);
    for (const tally of [ofSource, ofNetwork]) tally[isKnown ? "known" : "strangers"]--;
    if (isKnown) this.#users.add(user, -1);
    if (ofSource.strangers + ofSource.known === 0) this.#sources.delete(source);
    if (ofNetwork.strangers + ofNetwork.known === 0) this.#networks.delete(network);
    return true;
  }
}

function tallyOf(tallies: Map<string, Tally>, key: string): Tally {
  const tally = tallies.get(key) ?? { strangers: 0, known: 0 };
  tallies.set(key, tally);
  return tally;
}

/** Whether a stranger is to be dropped before another who has been here for longer. */
function goesFirst(younger: Connection, older: Connection): boolean {
  if (younger.isTrusted !== older.isTrusted) return older.isTrusted;
  const more = younger.ofNetwork.strangers - older.ofNetwork.strangers;
  return more > 0 || (more === 0 && younger.ofSource.strangers > older.ofSource.strangers);
}

/** Tells any two open connections apart: a client may use one of its ports for several of our addresses. */
function keyOf(socket: Socket): string {
  return `${peerOf(socket)} ${socket.localAddress} ${socket.localPort}`;
}
