"""A run that needs no training, for tests of the commands on text."""

import io
import sys
import types

import pytest

from shared_transformer_tf import config as config_lib
from shared_transformer_tf import errors, run_directory, trained_run


class UpperCase:
    """A translator whose translation is the line in capitals."""

    def __init__(self, options):
        self.options = options

    def __call__(self, lines, num_best=1):
        if num_best == 1:
            return [line.upper() for line in lines]
        return [[line.upper()] * num_best for line in lines]

    def sample(self, lines, options, seed):
        return [
            [(f"{line}{seed}", -1.0)] * options.num_samples for line in lines
        ]

    def score(self, sources, targets):
        pairs = zip(sources, targets, strict=True)
        return [-float(len(a) + len(b)) for a, b in pairs]


class Run:
    """What `trained_run.load_run` returns, as far as commands look at it."""

    def __init__(self):
        self.config = config_lib.Config()
        self.model = "model"
        self.tokenizer = types.SimpleNamespace(
            encode_target=lambda lines: [line.split() for line in lines]
        )
        self.checkpoint_name = "average"
        self.asked = []

    def describe_complexity(self):
        return "Weights: 7"

    def sample_pairs(self, number):
        return ["a dev line"], ["its translation"]

    def translator(self, options=None):
        self.asked.append(options)
        return UpperCase(options)


@pytest.fixture
def fake_run(monkeypatch):
    run = Run()

    def load_run(workdir, checkpoint=""):
        if workdir == "nowhere":
            raise errors.InputError("nowhere holds no run.")
        return run

    monkeypatch.setattr(trained_run, "load_run", load_run)
    monkeypatch.setattr(
        run_directory.RunDirectory, "read_config", lambda self: run.config
    )
    return run


@pytest.fixture
def stdin(monkeypatch):
    def give(data):
        stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(data)))
        monkeypatch.setattr(sys, "stdin", stream)

    return give
