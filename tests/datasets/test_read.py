import builtins
import gzip
import json

import numpy as np
import pandas as pd
import pytest

from scalinglaws.datasets import read_runs
from scalinglaws.exceptions import DataQualityWarning

ROWS = [
    {"params": 1e8, "tokens": 2e9, "loss": 3.5},
    {"params": 2e8, "tokens": 2e9, "loss": 3.3},
    {"params": 4e8, "tokens": 3e9, "loss": 3.1},
]
CSV = "params,tokens,loss\n1e8,2e9,3.5\n2e8,2e9,3.3\n4e8,3e9,3.1\n"


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def check_rows(frame):
    assert list(frame)[:4] == ["N", "D", "C", "loss"]
    assert frame["N"].tolist() == [1e8, 2e8, 4e8]
    assert frame["C"].tolist() == [1.2e18, 2.4e18, 7.2e18]
    assert {str(dtype) for dtype in frame.dtypes[:4]} == {"float64"}


def test_besiroglu_file_as_it_is(upstream):
    path = upstream / "besiroglu2024" / "svg_extracted_data.csv"
    frame = read_runs(path)
    raw = pd.read_csv(path)
    assert list(frame) == ["N", "D", "C", "loss", "x", "y", "color", "hex_color"]
    assert len(frame) == 245
    np.testing.assert_array_equal(frame["N"], raw["Model Size"])
    np.testing.assert_array_equal(frame["D"], raw["Training FLOP"] / (6 * raw["Model Size"]))
    assert frame.attrs["notes"] == [
        "N is the column 'Model Size'",
        "C is the column 'Training FLOP'",
        "D is derived: D = C / (6 N)",
    ]
    assert frame.attrs["source"] == str(path)


def test_li2025_file_with_huge_integers(upstream):
    with pytest.warns(DataQualityWarning, match="1 of 261 rows repeat an earlier row exactly"):
        frame = read_runs(upstream / "li2025misfitting" / "scaling_results_last_ckpt_only.csv")
    assert frame["C"].max() == pytest.approx(1.488e20, rel=1e-3)
    assert frame["step"].max() == 20000 and len(frame) == 261


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("runs.csv", CSV),
        ("runs.CSV", CSV),
        ("bom.csv", b"\xef\xbb\xbf" + CSV.encode()),
        ("spaces.csv", CSV.replace("params", " params ")),
        ("semicolons.csv", CSV.replace(",", ";")),
        ("runs.tsv", CSV.replace(",", "\t")),
        ("runs.txt", CSV),
        ("crlf.csv", CSV.replace("\n", "\r\n")),
        ("runs.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("runs.jsonl", "\n".join(map(json.dumps, ROWS)) + "\n\n"),
        ("runs.jsonl.gz", gzip.compress("\n".join(map(json.dumps, ROWS)).encode(), mtime=0)),
        ("runs.json", json.dumps(ROWS)),
    ],
)
def test_formats(write, name, content):
    check_rows(read_runs(write(name, content)))


@pytest.mark.parametrize("suffix", ["bz2", "xz", "zip"])
def test_compressed(tmp_path, suffix):
    path = tmp_path / f"runs.csv.{suffix}"
    pd.DataFrame(ROWS).to_csv(path, index=False)
    check_rows(read_runs(path))


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "runs.parquet"
    pd.DataFrame(ROWS).to_parquet(path)
    check_rows(read_runs(path))
    # pandas keeps an index apart; it is a column to us.
    pd.DataFrame(ROWS).set_index("params").to_parquet(path)
    check_rows(read_runs(path))


def test_parquet_without_pyarrow(write, monkeypatch):
    path = write("runs.parquet", b"PAR1....PAR1")
    real = builtins.__import__

    def fake(name, *args, **kwargs):
        if name.split(".")[0] == "pyarrow":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", fake)
    with pytest.raises(ImportError, match="pip install pyarrow"):
        read_runs(path)


def test_columns_mapping(write):
    path = write("runs.csv", "size (big),x,y,N\n1e8,1.2e18,3.5,a\n2e8,2.4e18,3.3,b\n")
    frame = read_runs(path, columns={"N": "size (big)", "C": "x", "loss": "y"})
    assert list(frame) == ["N", "D", "C", "loss"]
    assert frame["D"].tolist() == [2e9, 2e9]
    assert (
        "the file's own column 'N' is left out: another one is used for it"
        in (frame.attrs["notes"])
    )


def test_mapping_settles_an_ambiguity(write):
    path = write("runs.csv", "N,D,val_loss,train_loss,nll\n1e8,2e9,3.5,3.4,3.3\n")
    frame = read_runs(path, columns={"loss": "nll"})
    assert frame["loss"].tolist() == [3.3] and "val_loss" in frame


def test_one_column_can_serve_twice(write):
    path = write("runs.csv", "params,budget,loss\n1e8,1.2e18,3.5\n2e8,1.2e18,3.3\n")
    frame = read_runs(path, columns={"C": "budget", "budget": "budget"})
    assert frame["budget"].tolist() == frame["C"].tolist() == [1.2e18, 1.2e18]


def test_other_columns_stay(write):
    frame = read_runs(write("runs.csv", "lr,params,tokens,note,loss\n1e-3,1e8,2e9,ok,3.5\n"))
    assert list(frame) == ["N", "D", "C", "loss", "lr", "note"]


def test_n_is_derived(write):
    frame = read_runs(write("runs.csv", "D,C,loss\n2e9,1.2e18,3.5\n"))
    assert frame["N"].tolist() == [1e8]
    assert frame.attrs["notes"] == ["N is derived: N = C / (6 D)"]


def test_c_is_derived_and_a_given_c_is_kept(write):
    frame = read_runs(write("runs.csv", "N,D,C,loss\n1e8,2e9,1.21e18,3.5\n"))
    assert frame["C"].tolist() == [1.21e18] and frame.attrs["notes"] == []


def test_c_of_another_convention_is_noted(write):
    frame = read_runs(write("runs.csv", "N,D,C,loss\n1e8,2e9,1.68e18,3.5\n2e8,2e9,3.36e18,3.3\n"))
    (note,) = frame.attrs["notes"]
    assert note.startswith("C is 1.4 times 6 N D (median)") and "target compute" in note


def test_loss_in_other_units_by_its_name(write):
    with pytest.raises(ValueError, match="'val_bpb' looks to be in bits per byte"):
        read_runs(write("runs.csv", "N,D,val_bpb\n1e8,2e9,0.9\n"))
    with pytest.warns(DataQualityWarning, match="'ppl' looks like a perplexity"):
        read_runs(write("runs.csv", "N,D,ppl\n1e8,2e9,9.1\n"), columns={"loss": "ppl"})


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.csv: no such file"):
        read_runs(tmp_path / "nothing.csv")
    with pytest.raises(ValueError, match="is a folder"):
        read_runs(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", " \n\n", "is empty"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("a.csv", "N,D,loss\n", "has a header but no rows"),
        ("a.json", "[]", "has a header but no rows"),
        ("a.csv", bytes(range(256)), "not text in UTF-8"),
        ("a.csv", b"N,D,loss\n1,\x00,3\n", "binary file"),
        ("a.csv.gz", b"not gzip", r"not a readable \.gz file"),
        ("a.csv.xz", b"not xz", r"not a readable \.xz file"),
        ("a.zip", b"not zip", r"cannot read a file of type '\.zip'"),
        ("a.csv.zip", b"not zip", r"not a readable \.zip file"),
        ("a.xlsx", b"PK", r"cannot read a file of type '\.xlsx'; readable are \.csv"),
        ("runs", CSV, "without extension"),
        ("a.parquet", b"PAR0", "not a Parquet file"),
        ("a.parquet", b"PAR1 and nothing else", "not a readable Parquet file"),
        ("a.csv", "N,D,loss\n1e8,2e9,3.1\n1e8,2e9,3.1,4\n", "not a table with one header line"),
        ("a.csv", "N,D,loss\n1e8,2e9,3.1,4\n1e8,2e9,3.1,4\n", "more fields than the header"),
        ("a.csv", "N,D,loss,D\n1e8,2e9,3.1,2e9\n", "2 columns named 'D'; keep one"),
        ("a.csv", 'N,D,loss\n1e8,"2e9,3.1\n', "not a table with one header line"),
        ("a.jsonl", '{"N": 1}\n\n{"N": \n', r"line 3 is not JSON"),
        ("a.jsonl", '{"N": 1}\n[1, 2]\n', r"line 2 is not an object"),
        ("a.json", '{"N": 1}', "not a list of records"),
        ("a.json", '{"N": 1}\n{"N": 2}', r"not JSON.*Name it \.jsonl"),
        ("a.json", "[{", "line 1 is not JSON"),
    ],
)
def test_unreadable_files(write, name, content, words):
    path = write(name, content)
    with pytest.raises(ValueError, match=words) as error:
        read_runs(path)
    assert path.name in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "columns", "words"),
    [
        (
            "a,b,loss\n1,2,3\n",
            None,
            r"no column for N \(model parameters, count\) and D .* there: 'a', 'b', 'loss'\. "
            r"If 'a' is N: columns={\"N\": \"a\"}, or --columns N=\"a\"",
        ),
        ("N,D,x\n1,2,3\n", None, r'no column for loss .*columns={"loss": "x"}'),
        ("N,loss,x\n1,2,3\n", None, r"no column for D .*can be derived where C is there"),
        ("N,loss,budget\n1,2,3\n", None, r"If 'budget' is each run's compute: columns={\"C\": "),
        ("N,D,loss\n1,2,3\n", {"loss": "los"}, r"no column 'los' for loss.*Did you mean 'loss'\?"),
        ("x,D,loss\n1,2,3\n", {"x": "N"}, r'the other way round: columns={"N": "x"}'),
        ("N,D,loss\n1,2,3\n", {"L": "loss"}, r"'L' is not a column of the run table"),
        ("N,D,val loss,nll\n1,2,3,3\n", None, "several columns could be loss"),
        ("N,D,loss\n1e8,2e9,3\n7B,2e9,3\n", None, r"N in row 1 is '7B', which is not a number"),
        ("N,D,loss\n1e8,2e9,\n", None, r"loss in row 0 is missing \(NaN\)"),
        ("N,D,loss\n1e8,2e9,3\n1e8,2e9\n", None, r"loss in row 1 is missing \(NaN\)"),
        ("N,C,loss\n1e8,2e18,3\n0,2e18,3\n", None, r"N in row 1 is 0\.0"),
        ("D,C,loss\n1e9,2e18,3\n0,2e18,3\n", None, r"D in row 1 is 0\.0"),
        ("D,C,loss\n1e9,-2e18,3\n", None, r"C in row 0 is -2e\+18"),
        ("N,D,loss\n1e8,2e9,inf\n", None, r"loss in row 0 is inf"),
    ],
)
def test_tables_that_cannot_be_used(write, text, columns, words):
    path = write("runs.csv", text)
    with pytest.raises(ValueError, match=words) as error:
        read_runs(path, columns=columns)
    assert "runs.csv: " in str(error.value) and "\n" not in str(error.value)


def test_json_lines_with_different_keys(write):
    path = write("runs.jsonl", '{"N":1e8,"D":2e9,"loss":3.1}\n{"N":1e8,"D":2e9}\n')
    with pytest.raises(ValueError, match=r"loss in row 1 is missing"):
        read_runs(path)


def test_warnings_reach_the_reader(write):
    path = write("runs.csv", "N,D,loss\n1e8,2e9,33.1\n2e8,2e9,27.1\n")
    with pytest.warns(DataQualityWarning, match="perplexity"):
        read_runs(path)


def test_nothing_is_dropped(write):
    path = write("runs.csv", CSV + "4e8,3e9,3.1\n")
    with pytest.warns(DataQualityWarning, match="1 of 4 rows repeat an earlier row"):
        assert len(read_runs(path)) == 4
