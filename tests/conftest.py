import shutil

import pytest


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run of `small()`, not to be changed; `copy` may be."""
    # imported here: the tests of `cli` must not load TensorFlow
    from shared_transformer_tf import experiment
    from tests.small_run import small

    workdir = tmp_path_factory.mktemp("runs") / "run"
    experiment.train(small(), str(workdir))
    return workdir


@pytest.fixture
def copy(trained, tmp_path):
    return str(shutil.copytree(trained, tmp_path / "run"))
