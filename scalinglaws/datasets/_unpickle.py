"""Reading pandas pickles that others published, without running anything they contain."""

import gc
import io
import lzma
import pickle
import struct

import numpy as np
import pandas as pd

# The largest published file is 7.6 MB when decompressed.
MAX_BYTES = 64 * 2**20
# Limit of the xz decoder itself, which a crafted header could otherwise ask for gigabytes.
_XZ_MEMORY = 256 * 2**20

# Only plain numbers and booleans: no object, structured or datetime type is built from bytes.
_PLAIN = {"f8": "d", "f4": "f", "i8": "q", "i4": "i", "i2": "h", "i1": "b", "b1": "?", "u1": "B"}
_UNPACK = {code: struct.Struct("<" + letter).unpack for code, letter in _PLAIN.items()}


def read_pickle_xz(path, max_bytes=MAX_BYTES):
    """Read an xz-compressed pickle of pandas objects through the restricted unpickler.

    Parameters
    ----------
    path : str or path-like
        A ``.pickle.xz`` file.
    max_bytes : int, default=67108864
        Refuse a file that decompresses to more bytes than this.

    Returns
    -------
    object
        What the pickle describes, in new pandas and numpy objects.

    Raises
    ------
    pickle.UnpicklingError
        If the file is not xz, is too large, or describes anything but tables of plain values.
    """
    with open(path, "rb") as file:
        packed = file.read()
    decoder = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    try:
        raw = decoder.decompress(packed, max_length=max_bytes + 1)
    except lzma.LZMAError as error:
        raise pickle.UnpicklingError(f"{path} is not a readable xz file: {error}") from error
    if len(raw) <= max_bytes and not decoder.eof:
        raise pickle.UnpicklingError(f"{path} is not a readable xz file: it ends too early")
    if len(raw) > max_bytes:
        raise pickle.UnpicklingError(
            f"{path} decompresses to more than {max_bytes} bytes: refused. "
            "The published files are below 8 MB"
        )
    return loads(raw)


def loads(raw):
    """Read a pickle of pandas objects through the restricted unpickler.

    The pickle never reaches a class or function of pandas or numpy. The globals that the
    published files name are listed in `ADMITTED`, and each is answered by a stand-in of this
    module that only keeps its arguments; everything else is refused. Once the stream has been
    read, the kept arguments are checked and turned into new objects through the public
    constructors of pandas and numpy. That closes the ways in which even a short list of real
    classes is unsafe (``ndarray.__setstate__`` with a forged dtype, attributes set on a class),
    and it does not depend on how a given pandas version lays out its internals.

    Parameters
    ----------
    raw : bytes
        The pickle.

    Returns
    -------
    object
        What it describes.

    Raises
    ------
    pickle.UnpicklingError
        If it names a global that is not admitted, or is not a well-formed pandas pickle.

    Examples
    --------
    >>> import pickle
    >>> from scalinglaws.datasets._unpickle import loads
    >>> loads(pickle.dumps({"a": [1.5, None]}))
    {'a': [1.5, None]}
    >>> loads(pickle.dumps(print))
    Traceback (most recent call last):
    ...
    _pickle.UnpicklingError: refused: the pickle asks for builtins.print, ...
    """
    # The collector would walk through a million new objects again and again, half of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _Builder().build(_Unpickler(io.BytesIO(raw)).load())
    except pickle.UnpicklingError:
        raise
    except Exception as error:
        # A forged stream can fail in many ways; all of them mean the same to the caller.
        raise pickle.UnpicklingError(
            f"not a well-formed pickle of tables: {type(error).__name__}: {error}"
        ) from error
    finally:
        if collecting:
            gc.enable()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        try:
            return ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"refused: the pickle asks for {module}.{name}, which is not among the pandas "
                "and numpy names that the published tables need"
            ) from None


class _Sealed:
    """A name in the pickle: may be called if it has a stand-in, can never be given state."""

    __slots__ = ("_call", "name")

    def __init__(self, name, call=None):
        self.name = name
        self._call = call

    def __call__(self, *args):
        if self._call is None:
            raise pickle.UnpicklingError(f"refused: the pickle calls {self.name}")
        return self._call(*args)

    def __setstate__(self, state):
        # Without this, the BUILD opcode would set attributes of an object all loads share.
        raise pickle.UnpicklingError(f"refused: the pickle sets the state of {self.name}")


class _Kept:
    """What the pickle passes to a class: arguments, then state. Nothing is interpreted yet."""

    __slots__ = ("args", "state")

    def __new__(cls, *args):
        self = object.__new__(cls)
        self.args, self.state = args, None
        return self

    def __setstate__(self, state):
        self.state = state


def _kept(name):
    return type(name, (_Kept,), {"__slots__": ()})


_Frame, _Series = _kept("_Frame"), _kept("_Series")
_Manager, _SingleManager = _kept("_Manager"), _kept("_SingleManager")
_Block, _Index, _Slice = _kept("_Block"), _kept("_Index"), _kept("_Slice")
_Array, _Buffer = _kept("_Array"), _kept("_Buffer")


class _Dtype(_Kept):
    """A dtype; `code`, such as ``"f8"``, is None until it has an ordinary state."""

    __slots__ = ("code",)

    def __new__(cls, *args):
        self = super().__new__(cls, *args)
        self.code = None
        return self

    def __setstate__(self, state):
        # Once, here: files hold a million numbers of a dozen types.
        self.code = _ordinary_code(self.args[0], state)


def _ordinary_code(code, state):
    if type(code) is str and state is not None:
        ordinary = len(state) == 8 and state[0] == 3 and state[2:7] == (None, None, None, -1, -1)
        if ordinary and code in _PLAIN and state[1] in ("<", "|") and state[7] == 0:
            return code
        if ordinary and code in ("O8", "O") and state[1] == "|":
            return "O"
    return None


def _scalar(dtype, raw):
    code = _plain_code(dtype)
    return _UNPACK[code](raw)[0]


def _plain_code(dtype):
    """Return the code of a dtype stand-in, or refuse it."""
    if type(dtype) is _Dtype and dtype.code is not None:
        return dtype.code
    raise pickle.UnpicklingError("refused: the pickle describes an array type of another kind")


_NDARRAY = _Sealed("numpy.ndarray")
_RECONSTRUCT = _Sealed("numpy._reconstruct", _Array)
_SCALAR = _Sealed("numpy.scalar", _scalar)
_FROMBUFFER = _Sealed("numpy._frombuffer", _Buffer)
_INDEX, _RANGE = _Sealed("pandas.Index"), _Sealed("pandas.RangeIndex")

#: Exactly the globals that the files of Porian et al. (2024) name, under those names and under
#: the ones that newer versions of pandas and numpy write for the same.
ADMITTED = {
    ("builtins", "slice"): _Sealed("slice", _Slice),
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Sealed("numpy.dtype", _Dtype),
    ("pandas.core.frame", "DataFrame"): _Frame,
    ("pandas.core.series", "Series"): _Series,
    ("pandas.core.indexes.base", "_new_Index"): _Sealed("pandas._new_Index", _Index),
    ("pandas.core.indexes.base", "Index"): _INDEX,
    ("pandas.core.indexes.range", "RangeIndex"): _RANGE,
    ("pandas._libs.internals", "_unpickle_block"): _Sealed("pandas._unpickle_block", _Block),
    ("pandas.core.internals.managers", "BlockManager"): _Manager,
    ("pandas.core.internals.managers", "SingleBlockManager"): _SingleManager,
    ("pandas", "DataFrame"): _Frame,
    ("pandas", "Series"): _Series,
    ("pandas", "Index"): _INDEX,
    ("pandas", "RangeIndex"): _RANGE,
}
for _core in ("numpy.core", "numpy._core"):
    ADMITTED[f"{_core}.multiarray", "_reconstruct"] = _RECONSTRUCT
    ADMITTED[f"{_core}.multiarray", "scalar"] = _SCALAR
    ADMITTED[f"{_core}.numeric", "_frombuffer"] = _FROMBUFFER


class _Builder:
    """Turns what was kept into pandas and numpy objects, each shared object once."""

    def __init__(self):
        self._done = {}

    def build(self, item):
        kind = type(item)
        if kind in _VALUES:
            return item
        rule = _RULES.get(kind)
        if rule is None:
            raise pickle.UnpicklingError(f"refused: a {kind.__name__} inside a table")
        if id(item) not in self._done:
            self._done[id(item)] = rule(self, item)
        return self._done[id(item)]

    def list(self, item):
        return [self.build(part) for part in item]

    def tuple(self, item):
        return tuple(self.list(item))

    def dict(self, item):
        return {self.build(key): self.build(value) for key, value in item.items()}

    def slice(self, item):
        return slice(*item.args)

    def buffer(self, item):
        raw, dtype, shape, order = item.args
        return _numbers(raw, _plain_code(dtype), shape, order)

    def array(self, item):
        _version, shape, dtype, fortran, payload = item.state
        order = "F" if fortran else "C"
        code = _plain_code(dtype)
        if code != "O":
            return _numbers(payload, code, shape, order)
        values = np.empty(len(payload), dtype=object)
        for position, part in enumerate(payload):
            values[position] = self.build(part)
        return values.reshape(shape, order=order)

    def index(self, item):
        kind, state = item.args
        if kind is _RANGE:
            bounds = (state["start"], state["stop"], state["step"])
            return pd.RangeIndex(*bounds, name=self.build(state["name"]))
        if kind is not _INDEX:
            raise pickle.UnpicklingError("refused: an index of another kind")
        return pd.Index(self.build(state["data"]), name=self.build(state["name"]))

    def frame(self, item):
        manager = item.state["_mgr"]
        if type(manager) is not _Manager:
            raise pickle.UnpicklingError("refused: a data frame without its table of blocks")
        blocks, axes = manager.args
        columns, index = self.list(axes)
        values = {}
        for block in blocks:
            if type(block) is not _Block:
                raise pickle.UnpicklingError("refused: a data frame of unknown blocks")
            rows, places = self.build(block.args[0]), self.build(block.args[1])
            places = range(len(columns))[places] if isinstance(places, slice) else places
            for place, row in zip(places, rows, strict=True):
                values[place] = pd.Series(row, index=index, dtype=row.dtype)
        if len(values) != len(columns):
            raise pickle.UnpicklingError("refused: a data frame whose columns have no values")
        data = {place: values[place] for place in range(len(columns))}
        return pd.DataFrame(data, index=index).set_axis(columns, axis=1)

    def series(self, item):
        manager = item.state["_mgr"]
        if type(manager) is not _SingleManager:
            raise pickle.UnpicklingError("refused: a series without its block")
        if manager.state is None:
            (block,), (index,) = manager.args
            values = block.args[0]
        else:
            # The state is (axes, values, items, {"0.14.1": the same again}).
            (index,), (values,) = manager.state[0], manager.state[1]
        name = self.build(item.state.get("_name", item.state.get("name")))
        values = self.build(values)
        return pd.Series(values, index=self.build(index), name=name, dtype=values.dtype)


def _numbers(raw, code, shape, order):
    # An integer in the place of the bytes would make `bytes` allocate that many.
    if code == "O" or not isinstance(raw, (bytes, bytearray)) or order not in ("C", "F"):
        raise pickle.UnpicklingError("refused: the pickle describes an array of another kind")
    return np.frombuffer(bytes(raw), dtype="<" + code).reshape(shape, order=order).copy()


_VALUES = {str, int, float, bool, bytes, type(None)}
_RULES = {
    list: _Builder.list,
    tuple: _Builder.tuple,
    dict: _Builder.dict,
    _Slice: _Builder.slice,
    _Buffer: _Builder.buffer,
    _Array: _Builder.array,
    _Index: _Builder.index,
    _Frame: _Builder.frame,
    _Series: _Builder.series,
}
