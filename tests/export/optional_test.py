import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.export import optional


def test_what_is_missing_is_named_and_how_to_get_it():
    optional.require("onnx", "json")
    with pytest.raises(errors.InputError, match=r"nowhere.*tf\[onnx\]'"):
        optional.require("onnx", "json", "nowhere")
