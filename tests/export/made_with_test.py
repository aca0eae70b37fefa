import datetime

import tensorflow as tf

import shared_transformer_tf
from shared_transformer_tf.export import made_with


def test_time_and_versions_are_told():
    facts = made_with.facts("tensorflow")
    created = datetime.datetime.fromisoformat(facts["created"])
    age = datetime.datetime.now(datetime.UTC) - created
    assert 0 <= age.total_seconds() < 60
    assert facts["versions"] == {
        "shared_transformer_tf": shared_transformer_tf.__version__,
        "tensorflow": tf.__version__,
    }
