"""Runs a program with O_NONBLOCK on one of its standard streams, as a program beside it may set it.

non_blocking.py (pipe|socket|terminal) (stdin|stdout|stderr) PROGRAM [ARGUMENT...]

What the program writes there is left until no more fits in, and then passed on a little at a time;
what it is to read there comes from our standard input, the last of it when the program has waited.
"""

import fcntl
import os
import select
import socket
import sys

F_SETPIPE_SZ = 1031
STREAMS = {"stdin": 0, "stdout": 1, "stderr": 2}


def ends(kind):
    """Our end and the program's."""
    if kind == "terminal":
        return os.openpty()
    if kind == "socket":
        ours, theirs = socket.socketpair()
        return ours.detach(), theirs.detach()
    reading, writing = os.pipe()
    fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
    return (writing, reading) if stream == 0 else (reading, writing)


def write(descriptor, data):
    while data:
        data = data[os.write(descriptor, data):]


kind, stream, program = sys.argv[1], STREAMS[sys.argv[2]], sys.argv[3:]
ours, theirs = ends(kind)
os.set_blocking(theirs, False)
child = os.fork()
if child == 0:
    os.dup2(theirs, stream)
    os.closerange(3, 1024)
    os.execvp(program[0], program)

ended = None
if stream == 0:
    os.close(theirs)
    while data := os.read(0, 1000):
        write(ours, data)
    os.close(ours)
else:
    while select.select([], [theirs], [], 0.01)[1] and ended is None:
        pid, status = os.waitpid(child, os.WNOHANG)
        ended = status if pid else None
    os.close(theirs)
    while True:
        try:
            data = os.read(ours, 3000)
        except OSError:  # A terminal whose last user has gone.
            break
        if not data:
            break
        write(stream, data)
if ended is None:
    ended = os.waitpid(child, 0)[1]
sys.exit(os.waitstatus_to_exitcode(ended))
