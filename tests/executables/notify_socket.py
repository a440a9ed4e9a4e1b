"""Listens as a service manager does, see sd_notify(3), and tells what it hears and from which process.

notify_socket.py PATH: a line of JSON for each datagram, until its input ends.
"""

import json
import os
import socket
import struct
import sys
import threading

listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listening.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
listening.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)


def end_with_input():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()
print(json.dumps({"listening": True}), flush=True)
while True:
    message, [(_, _, credentials)], _, _ = listening.recvmsg(4096, 128)
    pid, _, _ = struct.unpack("3i", credentials)
    print(json.dumps({"pid": pid, "lines": message.decode().split("\n")}), flush=True)
