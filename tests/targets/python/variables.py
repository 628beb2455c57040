"""Frames with local variables of all kinds, and what a reader who cannot run any code may know of them."""

import collections
import dataclasses
import enum
import math
import sys
import types


def attributes(value):
    """What an instance itself has: its dict, then the slots of its class and of those above."""
    found = list(getattr(value, "__dict__", {}).items())
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        found += [(name, getattr(value, name)) for name in sorted(slots) if hasattr(value, name)]
    return found


def shown(value, depth=0):
    """repr() of values of the interpreter's own types, attributes of others; in the way of pyleak --locals."""
    kind = type(value)
    if isinstance(value, type):
        return "<class '%s'>" % value.__name__
    if kind in (tuple, list, set, frozenset) and value:
        items = ", ".join(shown(item, 1) for item in value)
        forms = {tuple: "(%s,)" if len(value) == 1 else "(%s)", list: "[%s]", set: "{%s}", frozenset: "frozenset({%s})"}
        return forms[kind] % items
    if kind is dict:
        return "{%s}" % ", ".join(shown(key, 1) + ": " + shown(item, 1) for key, item in value.items())
    if isinstance(value, BaseException):
        return "%s(%s)" % (kind.__name__, ", ".join(shown(item, 1) for item in value.args))
    if isinstance(value, types.FunctionType):
        return "<function %s>" % value.__qualname__
    if isinstance(value, types.ModuleType):
        return "<module '%s'>" % value.__name__
    if kind in (int, bool, float, str, bytes, type(None), set, frozenset, list, tuple):
        return repr(value)
    for base in (int, str, bytes, list, tuple, dict):
        if isinstance(value, base):
            return "%s(%s)" % (kind.__name__, shown(base(value)))
    own = attributes(value) if depth == 0 and kind.__flags__ & 1 << 9 else []  # Py_TPFLAGS_HEAPTYPE
    if not own:
        return "<%s object>" % kind.__name__
    return "<%s %s>" % (kind.__name__, ", ".join(name + "=" + shown(item, 1) for name, item in own))


def variables(frame):
    """Those of a frame by name; none of a module's, which are global."""
    if frame.f_locals is frame.f_globals or frame.f_locals == frame.f_globals:
        return {}
    return {name: shown(value) for name, value in frame.f_locals.items() if not name.startswith(".")}


class Plain:
    def __init__(self):
        self.attribute = 1


class Empty:
    pass


class Slotted:
    __slots__ = ("two", "one", "none")

    def __init__(self):
        self.one, self.two = 1, (2, Plain())


class SlottedMore(Slotted):
    __slots__ = ("another",)

    def __init__(self):
        super().__init__()
        self.another = "more"


class SlottedAndFree(SlottedMore):
    def __init__(self):
        super().__init__()
        self.free = True


@dataclasses.dataclass
class Order:
    number: int
    items: list
    note: str = ""
    owner: object = None


class Color(enum.IntEnum):
    RED = 3


class Words(list):
    pass


Point = collections.namedtuple("Point", "x y")


def numbers(wait):
    zero, one, small, below, digit = 0, 1, 12345, -7, 2**30
    digits, power, huge = -(2**60) + 1, 10**40, 3**300
    true, false, none = True, False, None
    half, third, whole, minus, tiny, large, edge, border = 0.5, 1 / 3, 3.0, -0.0, 1.5e-7, 1e22, 1e16, 0.0001
    infinite, lowest, odd = math.inf, -math.inf, math.nan
    complex_number = 1j
    wait()


def texts(wait):
    empty, ascii_only, quotes, both, lines = "", "abc", "it's", "'\"", "a\n\tb\\\r\x00\x7f"
    latin, cjk, face, c1 = "gr\u00f6\u00dfe", "\u65e5\u672c", "\U0001f389", "\x85"
    no_bytes, some, escapes = b"", b"abc", b"\x00\xff'\n\\"
    wait()


def containers(wait):
    nothing = ((), [], {}, set(), frozenset())
    pair, single, numbers_list = (1, "two"), (1,), [1, 2.5, None]
    mapping = {"a": 1, 2: b"b", (3,): [4]}
    some = {1}
    frozen = frozenset({"x"})
    deleted = {number: number for number in range(6)}
    del deleted[0], deleted[3]
    large = dict.fromkeys(range(5))
    growing = set(range(4))
    growing.discard(2)
    nested = {"k": [(1, True)]}
    split = vars(Plain())
    wait()


def objects(wait):
    plain, slotted, color, words, point = Plain(), Slotted(), Color.RED, Words([1]), Point(1, "y")
    error, other_error = ValueError("bad", 1), KeyError()
    function, lambda_function, method, built_in = objects, lambda: 0, words.append, len
    kind, built_in_kind, module = Plain, dict, math
    empty, order, more, free = Empty(), Order(7, ["a"], owner=plain), SlottedMore(), SlottedAndFree()
    changed, whole_dict = Plain(), Plain()
    changed.later, changed.attribute = [1], None
    vars(whole_dict)["not an identifier"] = 1
    del whole_dict.attribute
    ordered, counted, queue = collections.OrderedDict(a=1), collections.Counter("aa"), collections.deque([1])
    generator, ellipsis, span = (x for x in ()), ..., range(3)
    wait()


def arguments(wait, first, /, second=2, *rest, only=4, **others):
    before = first
    del first
    if second > 2:
        never = 1
    wait()


def closure(wait):
    shared, unset_later, argument_like = "shared", 1, [1]
    del unset_later

    def inner(own):
        nonlocal shared
        shared += "!"

        def innermost():
            for each in [own, shared, argument_like]:
                pass
            return [[(lambda: wait())() for second in argument_like] for first_of in "a"]

        innermost()
        unset_later = None

        def use():
            return unset_later

    inner(own="mine")


def generator(wait):
    def outer(value):
        received = yield from inner(value + 1)

    def inner(deeper):
        state = "running"
        yield wait()

    for _ in outer(1):
        pass


def class_body(wait):
    class Body:
        number = 1
        text = "in a class"
        wait()


def everything(wait):
    """One frame of each kind, one below the other."""
    steps = [numbers, texts, containers, objects, lambda go: arguments(go, 1, 3, 5, 6, only=7, more=8), closure]
    steps += [generator, class_body]
    for step in reversed(steps):
        wait = (lambda function, go: lambda: function(go))(step, wait)
    wait()
