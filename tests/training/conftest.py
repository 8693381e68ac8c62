"""Training in this process, and the real open_lm for the tests that are marked so."""

import json
import os
import signal
import sys
import warnings

import pytest


@pytest.fixture(scope="session")
def checkout():
    """Return a checkout of open_lm that works here, or say why the test is skipped."""
    from scalinglaws.training.open_lm import check_webdataset, find_checkout

    if "OPEN_LM_PATH" not in os.environ:
        pytest.skip("open_lm: set OPEN_LM_PATH to a checkout")
    try:
        check_webdataset()
        return find_checkout()
    except ImportError as error:
        pytest.skip(f"open_lm: {error}")


@pytest.fixture(scope="session")
def build(checkout, tmp_path_factory):
    """Return a function that builds open_lm's model of a model file."""
    from scalinglaws.training.open_lm.checkout import stub_xformers

    sys.path.insert(0, str(checkout))
    stub_xformers()
    with warnings.catch_warnings():
        # Its imports use what newer releases of torch deprecate.
        warnings.simplefilter("ignore")
        from open_lm.model import create_model
        from open_lm.params import parse_args

    path = tmp_path_factory.mktemp("models") / "model.json"
    flags = ["--attn-name", "torch_attn", "--ffn-type", "swiglu_torch"]

    def build_model(description):
        path.write_text(json.dumps(description))
        return create_model(parse_args(["--model", str(path), *flags]))

    return build_model


@pytest.fixture
def here():
    """Return a launcher that trains in this process, without starting Python for every job."""
    from scalinglaws.training import worker

    def launch(jobs, *, workers, on_event):
        statuses = {}
        for job in jobs:
            on_event("start", job, None)
            handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
            statuses[job.name] = worker.main(list(map(str, job.argv[3:])))
            for number, handler in handlers.items():
                signal.signal(number, handler)
            on_event("end", job, statuses[job.name])
        return statuses

    return launch
