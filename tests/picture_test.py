"""The picture of the schedules is drawn."""

import pytest

from shared_transformer_tf import picture
from shared_transformer_tf.errors import InputError


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_picture_is_written(tmp_path, ending):
    path = tmp_path / f"schedules.{ending}"
    picture.main([str(path)])
    content = path.read_bytes()
    if ending == "svg":
        assert content.count(b"<path") > 6 * 6  # a box for every layer
    else:
        assert content.startswith(b"\x89PNG")


def test_wrong_call():
    with pytest.raises(InputError, match="Name one file"):
        picture.main([])
