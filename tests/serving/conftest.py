import shutil

import pytest


@pytest.fixture(scope="session")
def versions(tmp_path_factory):
    """Folder with the toy's versions 1 and 2, for copying."""
    from tests.serving import toy

    folder = tmp_path_factory.mktemp("toys")
    for tag in ("1", "2"):
        toy.write(folder / tag, tag)
    return folder


@pytest.fixture(scope="session")
def model(versions, tmp_path_factory):
    """A folder with version 1 alone; not to be changed."""
    folder = tmp_path_factory.mktemp("model")
    shutil.copytree(versions / "1", folder / "1")
    return folder


@pytest.fixture
def own_model(model, tmp_path):
    """A folder with version 1 alone that a test may change."""
    return shutil.copytree(model, tmp_path / "model")


@pytest.fixture(scope="module")
def running(model):
    """A server of the toy, for tests that leave it as it is."""
    from tests.serving import running

    with running.threaded(model, client_seconds=5.0) as server:
        yield server
