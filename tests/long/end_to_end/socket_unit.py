"""Holds listening sockets and starts a program with them, as a socket unit of systemd does.

socket_unit.py COUNT PROGRAM ARGS...: SIGUSR1 ends the program, SIGUSR2 starts it again, SIGHUP is passed
on. At SIGTERM, or when the program has ended by itself, it ends with the program's status. Tells its ports.
"""

import fcntl
import os
import signal
import socket
import sys

FIRST = 3
SIGNALS = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD]

count, line = int(sys.argv[1]), sys.argv[2:]
listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
# Away from the numbers by which the program gets them.
held = [fcntl.fcntl(one.fileno(), fcntl.F_DUPFD_CLOEXEC, 100) for one in listening]


def start():
    pid = os.fork()
    if pid == 0:
        for index, descriptor in enumerate(held):
            os.dup2(descriptor, FIRST + index, inheritable=True)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.execvp(line[0], line)
    return pid


print("holding", *(one.getsockname()[1] for one in listening), flush=True)
signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
pid = start()
ending = False
while True:
    received = signal.sigwait(SIGNALS)
    if received == signal.SIGUSR2:
        pid, ending = start(), False
    elif received == signal.SIGCHLD:
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended == 0:
            continue
        print("ended", flush=True)
        pid = None
        if not ending:
            sys.exit(os.waitstatus_to_exitcode(status))
    elif received == signal.SIGTERM and pid is None:
        sys.exit(0)
    else:
        ending = received == signal.SIGUSR1
        os.kill(pid, signal.SIGHUP if received == signal.SIGHUP else signal.SIGTERM)
