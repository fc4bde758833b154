#!/usr/bin/env python3
"""A wire between the interfaces `wire` (squall's side) and `tap0` (the guest's), with faults.

    wire.py FOLDER [RULE]...

RULE is ACTION:CONDITION[:WHICH]. CONDITION is a Python expression over the fields of a RoCEv2 frame: op (opcode), qpn, psn, ackreq,
syn (the syndrome of an AETH), len (payload bytes) and out (true of what squall sends). WHICH says which of the frames that
fulfil it: the n-th ("1", the default), several ("2,5"), or "all". ACTION:

    drop      it is lost
    double    it arrives twice
    behind    it arrives behind the next frame of its direction
    harm      a bit of its ICRC is wrong
    hold=MS   it arrives so many milliseconds later

It makes FOLDER/wire.ready when it is there and FOLDER/wire.heard when squall has sent something, and ends when FOLDER/wire.stop
is made. It leaves two captures: squall.pcap is what
squall has sent and received, guest.pcap what the guest has; faults lie between them. What each rule has done is printed.
"""

import heapq
import os
import select
import socket
import struct
import sys
import time
import zlib

ETH_P_ALL = 3
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
SO_RCVBUFFORCE = 33
PORT = 4791


def fields(frame):
    """The fields of a RoCEv2 frame (IBTA Vol 1, 9.2), or None."""
    kind = frame[12:14]
    if kind == b"\x08\x00" and frame[23] == 17:
        udp = 14 + (frame[14] & 15) * 4
        end = 14 + int.from_bytes(frame[16:18], "big")
    elif kind == b"\x86\xdd" and frame[20] == 17:
        udp = 54
        end = 54 + int.from_bytes(frame[18:20], "big")
    else:
        return None
    if int.from_bytes(frame[udp + 2 : udp + 4], "big") != PORT:
        return None
    bth = udp + 8
    op = frame[bth]
    headers = 12 + (16 if op in (6, 10, 11, 12) else 0) + (4 if op in (3, 5, 9, 11, 13, 15, 16, 17) else 0)
    # WRITE Only with Immediate has both.
    headers += 4 if op == 11 else 0
    return {
        "op": op,
        "psn": int.from_bytes(frame[bth + 9 : bth + 12], "big"),
        "ackreq": frame[bth + 8] >> 7,
        "syn": frame[bth + 12] if op in (13, 15, 16, 17) else 0,
        "qpn": int.from_bytes(frame[bth + 5 : bth + 8], "big"),
        "payload": bth + headers,
        "len": end - 4 - (frame[bth + 1] >> 4 & 3) - bth - headers,
        "end": end,
    }


def icrc_is_right(frame, end):
    """Whether the ICRC is that of the frame (IBTA Vol 1, annex A17.3.3): what routers change counts as ones."""
    masked = bytearray(frame[14 : end - 4])
    if masked[0] >> 4 == 4:
        udp = (masked[0] & 15) * 4
        masked[1] = masked[8] = 0xFF
        masked[10:12] = b"\xff\xff"
    else:
        udp = 40
        masked[0] |= 0x0F
        masked[1] = masked[2] = masked[3] = masked[7] = 0xFF
    masked[udp + 6 : udp + 8] = b"\xff\xff"
    masked[udp + 12] = 0xFF
    return struct.pack("<I", zlib.crc32(b"\xff" * 8 + masked)) == frame[end - 4 : end]


class Rule:
    def __init__(self, text):
        self.action, condition, *which = text.split(":")
        self.condition = compile(condition, condition, "eval")
        self.which = which[0] if which else "1"
        self.seen = self.done = 0

    def strikes(self, frame):
        if not eval(self.condition, {}, frame):
            return False
        self.seen += 1
        struck = self.which == "all" or str(self.seen) in self.which.split(",")
        self.done += struck
        return struck


class Capture:
    """A pcap file with nanoseconds."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))

    def put(self, frame):
        now = time.time_ns()
        self.file.write(struct.pack("<IIII", now // 10**9, now % 10**9, len(frame), len(frame)) + frame)


def interface(name):
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    raw.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    raw.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    raw.bind((name, 0))
    raw.setblocking(False)
    return raw


def main():
    folder, rules = sys.argv[1], [Rule(text) for text in sys.argv[2:]]
    squall, guest = interface("wire"), interface("tap0")
    captures = {squall: Capture(f"{folder}/squall.pcap"), guest: Capture(f"{folder}/guest.pcap")}
    held, behind, count, heard = [], {}, 0, False

    def deliver(side, frame):
        try:
            side.send(frame)
        except OSError as error:
            print(f"cannot send: {error}", flush=True)
            return
        captures[side].put(frame)

    open(f"{folder}/wire.ready", "w").close()
    while not os.path.exists(f"{folder}/wire.stop"):
        wait = max(0, min(0.05, held[0][0] - time.monotonic())) if held else 0.05
        ready = select.select([squall, guest], [], [], wait)[0]
        while held and held[0][0] <= time.monotonic():
            deliver(*heapq.heappop(held)[2:])
        for side in ready:
            other = guest if side is squall else squall
            # All that is there, but not for ever.
            for _ in range(64):
                try:
                    frame = side.recv(65536)
                except BlockingIOError:
                    break
                captures[side].put(frame)
                if side is squall and not heard:
                    heard = True
                    open(f"{folder}/wire.heard", "w").close()
                copies = 1
                known = fields(frame)
                if known is not None:
                    known["out"] = side is squall
                    for rule in rules:
                        if not rule.strikes(known):
                            continue
                        action = rule.action
                        if action == "drop":
                            copies = 0
                        elif action == "double":
                            copies = 2
                        elif action == "harm":
                            at = known["end"] - 1
                            frame = frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]
                        elif action == "behind":
                            behind[other], copies = frame, 0
                            break
                        elif action.startswith("hold="):
                            count += 1
                            due = time.monotonic() + float(action[5:]) / 1e3
                            heapq.heappush(held, (due, count, other, frame))
                            copies = 0
                for _ in range(copies):
                    deliver(other, frame)
                if copies and other in behind:
                    deliver(other, behind.pop(other))
    for capture in captures.values():
        capture.file.close()
    print(" ".join(str(rule.done) for rule in rules))


if __name__ == "__main__":
    main()
