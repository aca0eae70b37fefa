"""A short run of the fuzzer; `python -m tests.serving.fuzz` is the long one."""

import logging

from tests.serving import fuzz


def test_odd_requests_have_proper_answers(running, caplog):
    with caplog.at_level(logging.ERROR, "shared_transformer_tf.serving"):
        counts, wrong = fuzz.fuzz(running, requests=600, seed=7)
    assert not wrong
    assert not [x for x in caplog.records if x.getMessage() == "bug"]
    assert sum(counts.values()) >= 600
    assert counts["rest 200"] and counts["rest 400"] and counts["grpc OK"]
