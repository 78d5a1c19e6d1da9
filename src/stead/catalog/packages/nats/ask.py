"""Speaks NATS: ask.py ADDRESS [SUBJECT DATA]... prints each answer, or pong when asked nothing.

Who asks is in the environment; without $PASSWORD nobody signs in.
"""

import json
import os
import socket
import sys

PONG = b"PONG"
who = {"verbose": False, "pedantic": False, "lang": "python", "version": "1"}
if os.environ.get("PASSWORD"):
    who |= {"user": os.environ["USERNAME"], "pass": os.environ["PASSWORD"]}

with (
    socket.create_connection((sys.argv[1], 4222), timeout=10) as wire,
    wire.makefile("rwb") as end,
):
    if not end.readline().startswith(b"INFO "):
        sys.exit("this is no NATS")
    end.write(b"CONNECT %s\r\nSUB _INBOX.ask 1\r\nPING\r\n" % json.dumps(who).encode())
    end.flush()
    said = end.readline().strip()
    if said != PONG:
        sys.exit(said.decode())
    if len(sys.argv) == 2:  # noqa: PLR2004 - the program and the address
        print("pong")
    for subject, data in zip(sys.argv[2::2], sys.argv[3::2], strict=True):
        end.write(b"PUB %s _INBOX.ask %d\r\n%s\r\n" % (subject.encode(), len(data), data.encode()))
        end.flush()
        head = end.readline().split()
        if head[:1] != [b"MSG"]:
            sys.exit(b" ".join(head).decode())
        print(end.read(int(head[-1]) + 2).decode().strip())
