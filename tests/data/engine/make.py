#!/usr/bin/env python3
"""Writes tiny.onnx and tiny.tflite beside tiny.fake: the same network in each engine's format.

    half = 0.5 x;  all = half + w;  x: float32[1, 4];  w: 10 20 30 40;  outputs: all, half

In ONNX w is external data, as in tiny.fake: it is handed over beside the file. open.onnx and
open.tflite leave the first dimension of x open.

Byte by byte and from nothing, so that the tests need no framework to have their models made.
"""
import pathlib
import struct

HALF = struct.pack("<4f", 0.5, 0.5, 0.5, 0.5)
W = struct.pack("<4f", 10, 20, 30, 40)


# --- ONNX: protobuf's wire format ---------------------------------------------------------------
def varint(n):
    head = bytes()
    while n > 127:
        head += bytes([n & 127 | 128])
        n >>= 7
    return head + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def node(kind, inputs, output):
    return field(1, b"".join(field(1, name) for name in inputs) + field(2, output) + field(3, output)
                 + field(4, kind))


def weight(name, values):
    return field(5, field(1, 1) + field(1, 4) + field(2, 1) + field(8, name) + field(9, values))


def outside(name):
    place = field(13, field(1, "location") + field(2, "weights"))
    return field(5, field(1, 1) + field(1, 4) + field(2, 1) + field(8, name) + place + field(14, 1))


def port(number, name, open):
    shape = field(1, field(2, "n") if open else field(1, 1)) + field(1, field(1, 4))
    return field(number, field(1, name) + field(2, field(1, field(1, 1) + field(2, shape))))


def onnx(open):
    graph = (node("Mul", ["x", "h"], "half") + node("Add", ["half", "w"], "all") + field(2, "tiny")
             + weight("h", HALF) + outside("w") + port(11, "x", open) + port(12, "all", open)
             + port(12, "half", open))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


# --- TensorFlow Lite: a flatbuffer, parents before what they refer to ---------------------------
class Table:
    def __init__(self, *fields):  # None: absent; int: 32 bits; ("b", int): 8 bits; else: by offset
        self.fields = fields


class Vector:
    def __init__(self, items):  # bytes, ints, or what offsets refer to
        self.items = items


class Flatbuffer:
    def __init__(self, root, identifier):
        self.bytes = bytearray(4) + identifier
        self.later = [(0, root)]
        while self.later:
            at, thing = self.later.pop(0)
            place = self.write(thing)
            struct.pack_into("<I", self.bytes, at, place - at)

    def align(self, to, ahead=0):
        self.bytes += bytes(-(len(self.bytes) + ahead) % to)

    def write(self, thing):
        if isinstance(thing, Table):
            return self.write_table(thing)
        if isinstance(thing, str):
            self.align(4)
            place = len(self.bytes)
            self.bytes += struct.pack("<I", len(thing)) + thing.encode() + b"\0"
            return place
        self.align(16, ahead=4) if isinstance(thing.items, bytes) else self.align(4)
        place = len(self.bytes)
        self.bytes += struct.pack("<I", len(thing.items))
        if isinstance(thing.items, bytes):
            self.bytes += thing.items
            return place
        for item in thing.items:
            self.slot(item)
        return place

    def write_table(self, table):
        places, size = [], 4
        for value in table.fields:
            places.append(0 if value is None else size)
            size += 0 if value is None else 4
        self.align(4, ahead=2 * len(places))
        vtable = len(self.bytes)
        self.bytes += struct.pack("<HH", 4 + 2 * len(places), size)
        self.bytes += b"".join(struct.pack("<H", place) for place in places)
        self.align(4)
        place = len(self.bytes)
        self.bytes += struct.pack("<i", place - vtable)
        for value in table.fields:
            if value is not None:
                self.slot(value)
        return place

    def slot(self, value):
        if isinstance(value, tuple):
            self.bytes += struct.pack("<b3x", value[1])
        elif isinstance(value, int):
            self.bytes += struct.pack("<i", value)
        else:
            self.later.append((len(self.bytes), value))
            self.bytes += bytes(4)


def tflite(open):
    add, mul = 0, 18
    names = [("x", 0), ("h", 1), ("half", 0), ("w", 2), ("all", 0)]
    signature = (None, None, None, Vector([-1, 4])) if open else ()
    tensors = [Table(Vector([1, 4]), ("b", 0), buffer, name, *(signature if buffer == 0 else ()))
               for name, buffer in names]
    operators = [Table(0, Vector([0, 1]), Vector([2])), Table(1, Vector([2, 3]), Vector([4]))]
    codes = [Table(("b", code), None, 1, code) for code in (mul, add)]
    graph = Table(Vector(tensors), Vector([0]), Vector([4, 2]), Vector(operators), "tiny")
    buffers = [Table(), Table(Vector(HALF)), Table(Vector(W))]
    return bytes(Flatbuffer(Table(3, Vector(codes), Vector([graph]), "tiny", Vector(buffers)),
                            b"TFL3").bytes)


here = pathlib.Path(__file__).parent
for name, open in (("tiny", False), ("open", True)):
    (here / (name + ".onnx")).write_bytes(onnx(open))
    (here / (name + ".tflite")).write_bytes(tflite(open))
