#!/usr/bin/env python3
"""What a responder's memory must hold after the frames of a capture (IBTA Vol 1, 9.7.4: packets are executed in the order of
their PSNs, each once).

    taken.py CAPTURE QPN PSN VA SIZE RECEIVE_LEN

The QP has this number and expects this PSN first; its region of SIZE zero bytes begins at VA, and each of its receive work
requests has RECEIVE_LEN bytes. Of a QP that asked by READ, PSN is the first that it asked for, and the region is what came to
it, one after the other. Prints JSON: the file CAPTURE.QPN.memory gets the region, CAPTURE.QPN.receives the SENDs, each
at its receive work request's place; `immediates` are those that came, `packets` were executed.
"""

import json
import struct
import sys

from wire import fields, icrc_is_right


def frames(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16 : at + 16 + length]
        at += 16 + length


def main():
    path = sys.argv[1]
    qpn, expected, va, size, receive_len = (int(text, 0) for text in sys.argv[2:])
    memory, receives, immediates = bytearray(size), bytearray(), []
    message, at, packets = b"", 0, 0
    for frame in frames(path):
        known = fields(frame)
        if known is None or known["qpn"] != qpn or known["psn"] != expected or known["op"] in (12, 17) or known["op"] > 17:
            continue
        if not icrc_is_right(frame, known["end"]):
            continue
        op = known["op"]
        begin = known["payload"]
        payload = frame[begin : begin + known["len"]]
        expected = (expected + 1) & 0xFFFFFF
        packets += 1
        if op in (6, 10, 11):
            reth = begin - 16 - (4 if op == 11 else 0)
            at = int.from_bytes(frame[reth : reth + 8], "big") - va
        if op in (3, 5, 9, 11):
            immediates.append(int.from_bytes(frame[begin - 4 : begin], "big"))
        if op >= 6:
            memory[at : at + len(payload)] = payload
            at += len(payload)
        else:
            message += payload
            if op in (2, 3, 4, 5):
                receives += message.ljust(receive_len, b"\0")
                message = b""
    with open(f"{path}.{qpn}.memory", "wb") as file:
        file.write(memory)
    with open(f"{path}.{qpn}.receives", "wb") as file:
        file.write(receives)
    print(json.dumps({"packets": packets, "immediates": immediates}))


main()
