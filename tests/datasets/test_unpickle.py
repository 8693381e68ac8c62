import builtins
import functools
import lzma
import os
import pickle
import struct
import zlib

import numpy as np
import pandas as pd
import pytest

from scalinglaws.datasets import _unpickle
from scalinglaws.datasets._unpickle import loads, read_pickle_xz


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def short(text):
    return b"\x8c" + bytes([len(text)]) + text.encode()


def named(module, name):
    return short(module) + short(name) + b"\x93"


def stream(*opcodes):
    return b"\x80\x05" + b"".join(opcodes) + b"."


def dtype(code, order="<", fields=b"NN", flags=0):
    made = named("numpy", "dtype") + short(code) + b"\x89\x88\x87R"
    sizes = b"J" + struct.pack("<i", -1)
    state = b"(K\x03" + short(order) + b"N" + fields + sizes + sizes + b"K" + bytes([flags]) + b"t"
    return made + state + b"b"


def frombuffer(raw, kind, shape=b"K\x01\x85", order="C"):
    return (
        named("numpy._core.numeric", "_frombuffer")
        + b"("
        + raw
        + kind
        + shape
        + short(order)
        + b"tR"
    )


def test_published_file_equals_pandas_own_reading(upstream):
    path = upstream / "porian2024" / "upstream" / "summary_df_kaplan_tuned_hparams.pickle.xz"
    ours, theirs = read_pickle_xz(path), pd.read_pickle(path)
    assert list(ours) == list(theirs) and len(ours) == len(theirs) == 1
    for column in ("optimal_pairs", "data"):
        one, other = ours[column][0], theirs[column][0]
        assert list(one) == list(other) and len(one) == len(other)
        for name in one:
            for left, right in zip(one[name], other[name], strict=True):
                if isinstance(right, pd.Series):
                    pd.testing.assert_series_equal(left, right)
                else:
                    np.testing.assert_array_equal(left, right)
    assert ours["fit_results"][0] == theirs["fit_results"][0]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({0: [1.5, 2.5], 1: [3, 4], 2: [True, False]}),
        pd.DataFrame({0: ["a", None], 1: [[1.0], {"k": (2,)}]}, dtype=object),
        pd.DataFrame({0: [1.0, np.nan]}, index=pd.Index([5, 7])),
    ],
)
def test_frames_of_the_installed_pandas(frame):
    pd.testing.assert_frame_equal(loads(pickle.dumps(frame)), frame, check_column_type=False)


def test_series_and_arrays():
    series = pd.Series([1.0, 2.0], name=3)
    pd.testing.assert_series_equal(loads(pickle.dumps(series)), series)
    for array in (np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))):
        np.testing.assert_array_equal(loads(pickle.dumps(array)), array)
        np.testing.assert_array_equal(loads(pickle.dumps(array, protocol=4)), array)


def test_shared_objects_stay_shared():
    part = [1.0]
    one, other = loads(pickle.dumps([part, part]))
    assert one is other


@pytest.mark.parametrize(
    ("function", "args", "name"),
    [
        (os.system, ("touch {}",), r"(posix|nt)\.system"),
        (builtins.eval, ("open({!r}, 'w')",), r"\w+\.eval"),
        (builtins.exec, ("open({!r}, 'w')",), r"\w+\.exec"),
        (builtins.open, ("{}", "w"), r"_?io\.open"),
        (builtins.getattr, ("", "upper"), r"\w+\.getattr"),
        (builtins.__import__, ("os",), r"\w+\.__import__"),
        (functools.partial, (print,), r"functools\.partial"),
        (np.load, ("{}",), r"numpy\.load"),
        (np.save, ("{}", 1), r"numpy\.save"),
        (np.fromfile, ("{}",), r"numpy.*fromfile"),
        (pd.read_pickle, ("{}",), r"pandas.*read_pickle"),
        (pd.eval, ("1",), r"pandas.*eval"),
        (pd.DataFrame.to_pickle, ("{}",), r"pandas.*to_pickle|\w+\.getattr"),
        (np.ndarray.tofile, ("{}",), r"\w+\.getattr"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("wrap", ["bare", "list", "array", "frame", "series"])
def test_every_other_global_is_refused(function, args, name, protocol, wrap, tmp_path):
    target = str(tmp_path / "touched")
    args = tuple(a.format(target) if isinstance(a, str) else a for a in args)
    evil = Call(function, *args)
    boxed = np.empty(1, dtype=object)
    boxed[0] = evil
    item = {
        "bare": lambda: evil,
        "list": lambda: [1, {"a": (evil,)}],
        "array": lambda: boxed,
        "frame": lambda: pd.DataFrame({0: boxed}),
        "series": lambda: pd.Series(boxed),
    }[wrap]()
    if protocol == 2 and wrap in ("array", "frame", "series"):
        # This protocol writes bytes as a call of codecs, which is refused before it gets there.
        name = rf"{name}|_codecs\.encode"
    with pytest.raises(pickle.UnpicklingError, match=f"refused: the pickle asks for ({name})"):
        loads(pickle.dumps(item, protocol=protocol))
    assert not os.path.exists(target)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("numpy", "load"),
        ("numpy", "ndarray.tofile"),
        ("numpy.core.multiarray", "fromfile"),
        ("numpy.core.multiarray", "_reconstruct.__globals__"),
        ("builtins", "slice.__class__"),
        ("builtins", "type"),
        ("builtins", "object"),
        ("pandas", "read_pickle"),
        ("pandas.core.frame", "DataFrame.to_pickle"),
        ("pandas.core.frame", "__builtins__"),
        ("pandas.core.series", "DataFrame"),
        ("pandas.core.indexes.base", "np"),
        ("scalinglaws.datasets._unpickle", "loads"),
        ("pickle", "loads"),
        ("os", "system"),
    ],
)
def test_names_near_the_admitted_ones_are_refused(module, name):
    with pytest.raises(pickle.UnpicklingError, match=rf"asks for {module}\.{name}"):
        loads(stream(named(module, name)))


def test_the_list_of_admitted_names_is_short_and_holds_no_real_class():
    assert len({name for _, name in _unpickle.ADMITTED}) == 14
    for stand_in in _unpickle.ADMITTED.values():
        assert (stand_in if isinstance(stand_in, type) else type(stand_in)).__module__ == (
            "scalinglaws.datasets._unpickle"
        )


@pytest.mark.parametrize("key", sorted(_unpickle.ADMITTED))
@pytest.mark.parametrize(
    "state",
    [
        b"}" + short("call") + b"K\x01s",
        b"N}" + short("__call__") + b"K\x01s\x86",
        b"N}" + short("__setstate__") + named("builtins", "slice") + b"s\x86",
    ],
)
def test_no_state_can_be_set_on_a_global(key, state):
    stand_in = _unpickle.ADMITTED[key]
    before = {name: getattr(stand_in, name) for name in dir(stand_in)}.keys()
    with pytest.raises(pickle.UnpicklingError):
        loads(stream(named(*key), state, b"b"))
    assert {name: getattr(stand_in, name) for name in dir(stand_in)}.keys() == before


@pytest.mark.parametrize(
    "name", ["ndarray", "Index", "RangeIndex"], ids=["ndarray", "Index", "RangeIndex"]
)
def test_names_that_are_only_arguments_cannot_be_called(name):
    key = next(key for key in _unpickle.ADMITTED if key[1] == name)
    with pytest.raises(pickle.UnpicklingError, match="refused: the pickle calls"):
        loads(stream(named(*key), b")R"))


SCALAR = named("numpy._core.multiarray", "scalar")


def raw(content):
    return b"C" + bytes([len(content)]) + content


@pytest.mark.parametrize(
    "opcodes",
    [
        # Pointers out of bytes.
        frombuffer(raw(b"\x01" * 8), dtype("O8", "|", flags=63)),
        # The same, with the flag that says so cleared.
        frombuffer(raw(b"\x01" * 8), dtype("O8", "|", flags=0)),
        # Fields at offsets of the attacker's choice.
        frombuffer(raw(b"\x01" * 8), dtype("V8", "|", fields=b")}")),
        frombuffer(raw(b"\x01" * 8), dtype("f8", fields=b")}")),
        # A dtype that was never given its state.
        frombuffer(raw(b"\x01" * 8), named("numpy", "dtype") + short("f8") + b"\x89\x88\x87R"),
        frombuffer(raw(b"\x01" * 8), named("numpy", "dtype")),
        # A number of bytes instead of bytes.
        frombuffer(b"\x8a\x05\x00\x00\x00\x00\x10", dtype("f8")),
        # Larger than its bytes.
        frombuffer(raw(b"\x01" * 8), dtype("f8"), shape=b"K\xff\x85"),
        frombuffer(raw(b"\x01" * 8), dtype("f8"), order="K"),
        # Scalars of other types.
        SCALAR + dtype("O8", "|", flags=63) + raw(b"\x01" * 8) + b"\x86R",
        SCALAR + dtype("f8") + raw(b"\x01" * 3) + b"\x86R",
        # A frame with more columns than values, and one that is its own manager.
        named("pandas.core.frame", "DataFrame") + b")\x81}" + short("_mgr") + b"K\x01sb",
        named("pandas.core.frame", "DataFrame") + b")\x81",
        named("pandas.core.series", "Series") + b")\x81",
        # Other types inside a table.
        b"\x8f",
        # A persistent id, an extension, an out-of-band buffer.
        b"Pname\n",
        b"\x82\x01",
        b"\x97",
        # A list that holds itself.
        b"]\x94h\x00a",
    ],
)  # fmt: skip
def test_forged_content_is_refused(opcodes):
    with pytest.raises(pickle.UnpicklingError):
        loads(stream(opcodes))


def test_the_forged_streams_differ_from_good_ones():
    good = stream(frombuffer(raw(struct.pack("<d", 2.5)), dtype("f8")))
    np.testing.assert_array_equal(loads(good), [2.5])


def test_a_frame_of_a_billion_columns_allocates_nothing():
    index = named("pandas.core.indexes.base", "_new_Index")
    index += named("pandas.core.indexes.range", "RangeIndex") + b"}("
    index += short("name") + b"N" + short("start") + b"K\x00"
    index += short("stop") + b"\x8a\x05\x00\x00\x00\x00\x10" + short("step") + b"K\x01u\x86R"
    manager = named("pandas.core.internals.managers", "BlockManager") + b")" + b"]" + index + b"a"
    manager += index + b"a\x86R"
    frame = named("pandas.core.frame", "DataFrame") + b")\x81}" + short("_mgr") + manager + b"sb"
    with pytest.raises(pickle.UnpicklingError, match="columns have no values"):
        loads(stream(frame))


def test_nested_sharing_does_not_explode():
    item = [1.0]
    for _ in range(60):
        item = [item, item]
    assert len(loads(pickle.dumps(item))) == 2


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps([1.0] * 50)[:-5]])
def test_broken_streams(content):
    with pytest.raises(pickle.UnpicklingError):
        loads(content)


def test_xz_bomb(tmp_path):
    path = tmp_path / "bomb.pickle.xz"
    path.write_bytes(lzma.compress(pickle.dumps(b"\0" * 3_000_000)))
    assert path.stat().st_size < 10_000
    with pytest.raises(pickle.UnpicklingError, match="more than 1000000 bytes: refused"):
        read_pickle_xz(path, max_bytes=1_000_000)
    assert len(read_pickle_xz(path)) == 3_000_000


def test_xz_dictionary_bomb(tmp_path):
    # 1.5 GiB of dictionary, which the decoder would allocate for a few bytes.
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**16}]
    packed = bytearray(lzma.compress(pickle.dumps(1), check=lzma.CHECK_NONE, filters=filters))
    header = 12
    assert packed[header + 2 : header + 4] == b"\x21\x01"
    packed[header + 4] = 39
    size = (packed[header] + 1) * 4
    packed[header + size - 4 : header + size] = struct.pack(
        "<I", zlib.crc32(packed[header : header + size - 4])
    )
    path = tmp_path / "bomb.pickle.xz"
    path.write_bytes(packed)
    with pytest.raises(pickle.UnpicklingError, match="Memory usage limit exceeded"):
        read_pickle_xz(path)


@pytest.mark.parametrize("content", [b"", b"x" * 100, lzma.compress(b"x" * 100)[:-20]])
def test_not_xz(tmp_path, content):
    path = tmp_path / "plain.pickle.xz"
    path.write_bytes(content)
    with pytest.raises(pickle.UnpicklingError, match="not a readable xz file"):
        read_pickle_xz(path)
