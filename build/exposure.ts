/**
 * What `systemd-analyze security` finds in the unit of the daemon, point by point, and why it stays. A test asks
 * the tool itself.
 *
 * @module
 */

import { table } from "./table.ts";

/** The figures of the tool, from 0 to 10: at most this. */
export const EXPOSURE = { unit: 7.1, hardened: 3.4 } as const;

/** Points with one reason. */
export interface Remaining {
  /** As the tool calls them. */
  readonly points: readonly string[];
  /** Whether `deploy/hardened.conf` leaves them, too. */
  readonly isLasting: boolean;
  readonly why: string;
}

const capability = (name: string) => `CapabilityBoundingSet=~CAP_${name}`;
const namespace = (name: string) => `RestrictNamespaces=~${name}`;
const calls = (name: string) => `SystemCallFilter=~@${name}`;
const family = (name: string) => `RestrictAddressFamilies=~${name}`;

export const REMAINING: readonly Remaining[] = [
  {
    points: ["User=/DynamicUser=", "PrivateUsers=", capability("SET(UID|GID|PCAP)")],
    isLasting: true,
    why: "Jobs run as other users, and so do gateways. `CAP_SETPCAP` takes rights from gateways.",
  },
  {
    points: [capability("KILL"), capability("SYS_PTRACE")],
    isLasting: true,
    why: "It ends jobs of other users, and finds in `/proc` what is left of them.",
  },
  {
    points: [capability("(DAC_*|FOWNER|IPC_OWNER)"), capability("(CHOWN|FSETID|SETFCAP)")],
    isLasting: true,
    why: "It reads keys that belong to others, and hands files to jobs and gateways.",
  },
  {
    points: [capability("NET_(BIND_SERVICE|BROADCAST|RAW)")],
    isLasting: true,
    why: "For a port below 1024 without `worker-daemon.socket`.",
  },
  {
    points: ["Delegate=", "ProtectControlGroups="],
    isLasting: true,
    why: "Each job gets a cgroup.",
  },
  {
    points: [
      "PrivateNetwork=",
      "IPAddressDeny=",
      family("AF_(INET|INET6)"),
      family("AF_UNIX"),
      family("AF_NETLINK"),
    ],
    isLasting: true,
    why:
      "It serves a network, and jobs use one. If you know who may call: `IPAddressAllow=` in the unit, or a firewall.",
  },
  {
    points: ["MemoryDenyWriteExecute="],
    isLasting: true,
    why: "V8, on which the daemon runs, makes machine code. So do Java, node and others.",
  },
  {
    points: [calls("privileged"), calls("resources")],
    isLasting: true,
    why: "Starting a job takes setuid(2), chown(2), setpriority(2) and prlimit(2).",
  },
  {
    points: ["RootDirectory=/RootImage=", "ProcSubset="],
    isLasting: true,
    why:
      "Jobs run the programs of this machine, which read `/proc/meminfo`, `/proc/cpuinfo` and the like.",
  },
  {
    points: ["PrivateTmp="],
    isLasting: true,
    why: "systemd removes that directory at a restart, which jobs outlive.",
  },
  {
    points: ["ProtectSystem=", "DeviceAllow="],
    isLasting: true,
    why:
      "Jobs write where their user may, and use devices of that user's groups. With `hardened.conf` they can write " +
      "below `/var` and `/tmp`, and use `/dev/null` and its like.",
  },
  {
    points: ["ProtectHome=", "ProtectProc=", "PrivateDevices=", "UMask="],
    isLasting: false,
    why: "Jobs see homes, processes and devices, and make files, as their user would elsewhere.",
  },
  {
    points: ["user", "pid", "net", "uts", "mnt", "cgroup", "ipc"].map(namespace),
    isLasting: false,
    why: "Rootless containers, bwrap and sandboxes of browsers make namespaces.",
  },
  {
    points: [
      "PrivateMounts=",
      "ProtectClock=",
      "ProtectHostname=",
      "ProtectKernelLogs=",
      "ProtectKernelModules=",
      "ProtectKernelTunables=",
    ],
    isLasting: false,
    why:
      "Changing any of this takes capabilities that no job has. What the options hide besides, a job may read: " +
      "`dmesg`, headers of the kernel, the hostname as it changes.",
  },
  {
    points: ["RestrictSUIDSGID=", "LockPersonality=", "SystemCallArchitectures="],
    isLasting: false,
    why: "`tar -p`, setarch(8), sanitizers of compilers, 32-bit programs.",
  },
  {
    points: [calls("clock"), calls("debug"), calls("mount"), calls("cpu-emulation")],
    isLasting: false,
    why:
      "adjtimex(2) to ask how good the clock is, strace and gdb, mounts in a namespace of one's own, Wine.",
  },
  {
    points: [family("AF_PACKET"), family("…")],
    isLasting: false,
    why:
      "Bluetooth, VSOCK, CAN, the kernel's cryptography; raw packets in a namespace of one's own.",
  },
];

/** The document with today's table in place of the one that it holds. */
export function withExposureTable(page: string): string {
  const rows = REMAINING.map(({ points, isLasting, why }) => [
    points.map((point) => `\`${point.replaceAll("|", "\\|")}\``).join(", "),
    isLasting ? "stays" : "gone",
    why,
  ]);
  const figures =
    `The figures are at most ${EXPOSURE.unit} for the unit, and ${EXPOSURE.hardened} with \`deploy/hardened.conf\`, ` +
    "by systemd 252; without any bounds it would be 9.6.";
  const whole = table([
    ["point of `systemd-analyze security`", "with `hardened.conf`", "why"],
    ...rows,
  ]);
  const place = /(<!-- begin: exposure -->\n)[^]*(<!-- end: exposure -->)/;
  if (!place.test(page)) {
    throw new Error("docs/permissions.md has no place for the table of exposure");
  }
  return page.replace(place, (_, begin, end) => `${begin}\n${figures}\n\n${whole}\n\n${end}`);
}
