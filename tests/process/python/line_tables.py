"""Prints, in JSON lines, code objects of the standard library: the line table, and what Python itself makes of it.

Each has "first_line", "table" (hexadecimal) and "positions": for each instruction that has one its offset in bytes,
lineno, end_lineno, colno and end_colno.
"""

import argparse
import dis
import json
import json.decoder
import typing
import types

MULTIPLE_LINES = """
def function(argument):
    return [argument(
        first,
        second=third) for first in argument if (
            first
            and not second)]
""" + "\n" * 1000 + "def late(): pass\n" + "x = " + "(" * 60 + "y" * 300 + ")" * 60 + ".z" * 100 + "\n"


def positions(code):
    if hasattr(code, "co_positions"):
        return [[2 * index, *each] for index, each in enumerate(code.co_positions())]
    if hasattr(code, "co_lines"):
        return [[offset, line, None, None, None]
                for begin, end, line in code.co_lines() for offset in range(begin, end, 2)]
    starts = dict(dis.findlinestarts(code))
    line, found = code.co_firstlineno, []
    for offset in range(0, len(code.co_code), 2):
        line = starts.get(offset, line)
        found.append([offset, line, None, None, None])
    return found


def walk(code):
    table = code.co_linetable if hasattr(code, "co_linetable") else code.co_lnotab
    print(json.dumps({"first_line": code.co_firstlineno, "table": table.hex(), "positions": positions(code)}))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            walk(constant)


for module in argparse, json.decoder, typing:
    with open(module.__file__, encoding="utf-8") as file:
        walk(compile(file.read(), module.__file__, "exec"))
walk(compile(MULTIPLE_LINES, "<several lines>", "exec"))
