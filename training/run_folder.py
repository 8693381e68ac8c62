"""The folder of one run: its configuration, and its record once it has ended."""

import io
import json
import math
from pathlib import Path

import numpy as np

from .atomic import remove_partial, write_bytes, write_json, write_text
from .config import RunConfig
from .records import RunRecord

CONFIG = "config.json"
RECORD = "record.json"
HISTORY = "history.npy"


class RunFolder:
    """Reads and writes the files of a run, and refuses those of another.

    Parameters
    ----------
    path : path-like
        The folder.
    config : RunConfig
        The run.
    name : str, optional
        Its label; the name of the folder if not given.

    Raises
    ------
    ValueError
        If the folder holds a run with another configuration.
    """

    def __init__(self, path, config, name=None):
        self.path = Path(path)
        self.config = config
        self.name = name or self.path.name
        file = self.path / CONFIG
        if file.exists():
            other = RunConfig.read(file)
            if other.hash != config.hash:
                raise ValueError(
                    f"{self.path} holds another run (configuration {other.hash}, this one is "
                    f"{config.hash}); choose another folder."
                )

    def claim(self):
        """Write the configuration; to be called under the lock of the folder."""
        remove_partial(self.path)
        if not (self.path / CONFIG).exists():
            write_text(self.path / CONFIG, self.config.to_json())

    def finish(self, record):
        """Write the record, which marks the run as ended."""
        history = io.BytesIO()
        np.save(history, record.history)
        write_bytes(self.path / HISTORY, history.getvalue())
        rows = [{k: _plain(v) for k, v in row.items()} for row in record.rows]
        write_json(
            self.path / RECORD,
            {
                "status": record.status,
                "reason": record.reason,
                "rows": rows,
                "timing": record.timing,
            },
        )

    def record(self, data_hash=None):
        """Return the record of the run if it has ended, else None.

        Parameters
        ----------
        data_hash : str, optional
            Content hash of the corpus that the record must be of.

        Returns
        -------
        RunRecord or None
            The record.

        Raises
        ------
        ValueError
            If the run was trained on another corpus.
        """
        file = self.path / RECORD
        if not file.exists():
            return None
        values = json.loads(file.read_text(encoding="utf-8"))
        rows = tuple(
            {k: math.nan if v is None else v for k, v in r.items()} for r in values["rows"]
        )
        found = rows[0]["data_hash"]
        if data_hash is not None and found != data_hash:
            raise ValueError(
                f"{self.path} was trained on another corpus (content {found}, now {data_hash}); "
                "choose another folder."
            )
        history = np.load(self.path / HISTORY, allow_pickle=False)
        return RunRecord(rows, values["status"], values["reason"], values["timing"], history)


def _plain(value):
    """JSON has no not-a-number."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
