"""Starts a program without the system calls that units of systemd forbid.

syscall_filter.py UNIT... -- PROGRAM ARGS...: it takes `SystemCallFilter=~` and `RestrictNamespaces=yes`, as systemd does
before it starts a service. It needs libseccomp and systemd-analyze, which knows what the groups stand for; without
them it exits with 77.
"""

import ctypes
import errno
import os
import subprocess
import sys

ALLOW, ERRNO, NOT_HERE = 0x7FFF0000, 0x00050000, 77
NAMESPACES = ["unshare", "setns"]

split = sys.argv.index("--")
lines = [line.strip() for unit in sys.argv[1:split] for line in open(unit)]


def members(group):
    try:
        text = subprocess.run(
            ["systemd-analyze", "syscall-filter", "--no-pager", group],
            capture_output=True, text=True, check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        sys.exit(NOT_HERE)
    for line in text.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            yield from members(word)
        elif word and not word.startswith("#"):
            yield word


try:
    seccomp = ctypes.CDLL("libseccomp.so.2")
except OSError:
    sys.exit(NOT_HERE)
seccomp.seccomp_init.restype = ctypes.c_void_p
context = ctypes.c_void_p(seccomp.seccomp_init(ALLOW))


def forbid(name, error):
    number = seccomp.seccomp_syscall_resolve_name(name.encode())
    # Those of other architectures have none.
    if number >= 0 and seccomp.seccomp_rule_add(context, ERRNO | error, number, 0) != 0:
        sys.exit(f"Cannot forbid {name}")


for line in lines:
    if line.startswith("SystemCallFilter=~"):
        for group in line.removeprefix("SystemCallFilter=~").split():
            for name in members(group):
                forbid(name, errno.EPERM)
    elif line == "RestrictNamespaces=yes":
        for name in NAMESPACES:
            forbid(name, errno.EPERM)
        # Its flags are in memory, where no filter can look: systemd has programs fall back on clone(2).
        forbid("clone3", errno.ENOSYS)
if seccomp.seccomp_load(context) != 0:
    sys.exit("Cannot load the filter")
os.execvp(sys.argv[split + 1], sys.argv[split + 1 :])
