"""The file that servers replay while they load a version."""

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from shared_transformer_tf import config
from shared_transformer_tf.export import signatures, warm_up


def requests(folder):
    path = str(folder / warm_up.FILE)
    for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        yield log.predict_log.request


def test_every_signature_is_asked_with_all_its_inputs(tmp_path):
    warm_up.write(tmp_path)
    endpoints = signatures.Signatures(
        None, None, config.DecodingConfig(), 16
    ).endpoints()
    asked = {}
    for request in requests(tmp_path):
        name = request.model_spec.signature_name
        specs = {spec.name: spec for spec in endpoints[name][1]}
        assert set(request.inputs) == set(specs)
        rows = set()
        for key, proto in request.inputs.items():
            tensor = tf.constant(tf.make_ndarray(proto))
            assert specs[key].is_compatible_with(tensor)
            rows.add(tensor.shape[0])
        assert len(rows) == 1
        asked.setdefault(name, set()).update(rows)
    assert set(asked) == set(endpoints)
    assert all(1 in rows and len(rows) > 1 for rows in asked.values())
