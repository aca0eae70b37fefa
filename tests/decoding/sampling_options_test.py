"""Values that no distribution has are refused."""

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.decoding import sampling_options


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_samples": 0},
        {"temperature": 0.0},
        {"temperature": float("inf")},
        {"temperature": float("nan")},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.1},
    ],
)
def test_values_out_of_range_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(errors.InputError, match=name):
        sampling_options.SamplingOptions(**wrong)
