import functools
import os
import types

import pytest


@pytest.fixture
def quick(monkeypatch):
    """Leaves out what takes time and is not looked at."""
    import scipy.optimize
    from keras_tuner.src.tuners import bayesian

    from shared_transformer_tf.study.search import trial_run

    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(trial_run.gc, "collect", lambda: None)
    monkeypatch.setattr(trial_run.keras.backend, "clear_session", lambda: None)
    # of Keras Tuner alone: scikit-learn fits with the same function
    minimize = functools.partial(
        scipy.optimize.minimize, options={"maxiter": 2}
    )
    optimize = types.SimpleNamespace(minimize=minimize)
    monkeypatch.setattr(
        bayesian, "scipy", types.SimpleNamespace(optimize=optimize)
    )


@pytest.fixture
def empty_pictures(monkeypatch):
    """A report without pictures to draw: two files of nothing."""
    from shared_transformer_tf.study.report.pictures import gallery

    shown = {name: f"{name}.png" for name in ("verdicts", "complexity")}

    def draw(evidence, folder):
        for name in shown.values():
            (folder / name).touch()
        return shown

    monkeypatch.setattr(gallery, "draw", draw)
