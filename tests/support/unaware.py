"""Start a program that cannot learn of changes to the machine's networks.

Chromium gives up on what it loads when an address appears (ERR_NETWORK_CHANGED), and tests beside
it make and remove bridges all the time. It hears of them over a netlink socket; without one it
takes the network for unchanging, which for a server on the same machine is the truth.

Run as `python unaware.py PROGRAM [WORDS...]`.
"""

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

SOCKET_CALL = {"x86_64": 41, "aarch64": 198}
AF_NETLINK = 16

NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2
LOAD, JUMP_UNLESS_EQUAL, RETURN = 0x20, 0x15, 0x06
CALL_NUMBER, FIRST_ARGUMENT = 0, 16
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EAFNOSUPPORT


class Instruction(ctypes.Structure):
    """One instruction of a classic packet filter."""

    _fields_ = (
        ("code", ctypes.c_ushort),
        ("when_true", ctypes.c_ubyte),
        ("when_false", ctypes.c_ubyte),
        ("value", ctypes.c_uint32),
    )


class Program(ctypes.Structure):
    """A filter as prctl takes it."""

    _fields_ = (("length", ctypes.c_ushort), ("first", ctypes.POINTER(Instruction)))


def refuse_netlink(socket_call: int) -> None:
    """Let every later netlink socket of this process and its children fail."""
    rules = (
        (LOAD, 0, 0, CALL_NUMBER),
        (JUMP_UNLESS_EQUAL, 0, 3, socket_call),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_UNLESS_EQUAL, 0, 1, AF_NETLINK),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    )
    code = (Instruction * len(rules))(*(Instruction(*rule) for rule in rules))
    program = Program(len(rules), ctypes.cast(code, ctypes.POINTER(Instruction)))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for words in (
        (NO_NEW_PRIVILEGES, 1, 0, 0, 0),
        (SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0),
    ):
        if prctl(*words) != 0:
            raise OSError(ctypes.get_errno(), "the filter of system calls was not taken")


def write_launcher(path: Path, program: Path) -> Path:
    """Write a file that starts the program this way, for callers that take a path only."""
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "{program}" "$@"\n')
    path.chmod(0o755)
    return path


def main(words: Sequence[str]) -> None:
    """Become the program; on processors without a known call number, without the filter."""
    call = SOCKET_CALL.get(platform.machine())
    if call is not None:
        refuse_netlink(call)
    os.execv(words[0], list(words))  # noqa: S606  (no shell is wanted: the words are passed as they are)


if __name__ == "__main__":
    main(sys.argv[1:])
