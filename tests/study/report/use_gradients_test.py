"""Series of norms and cosines, by stack and kind."""

import math

import numpy as np

from shared_transformer_tf.study.report import use_gradients


def moment(tokens, **weights):
    return {"update": tokens // 10, "tokens": tokens, "weights": weights}


def sublayer(norm, cosine=None, uses=2):
    found = {
        "uses": uses,
        "norm": 1.5 * norm,
        "norm_mean": norm,
        "norm_min": norm / 2,
        "norm_max": norm * 2,
    }
    return found if cosine is None else found | {"cosine_mean": cosine}


def test_blocks_of_a_kind_are_averaged_and_norms_left_out():
    moments = [
        {
            "update": step,
            "tokens": 10 * step,
            "weights": {
                "encoder/block_0_feed_forward": sublayer(1.0, 0.2),
                "encoder/block_1_feed_forward": sublayer(3.0, 0.4),
                "encoder/block_1_feed_forward_norm": sublayer(99.0, -1.0),
                "source_embedding/target_tokens": sublayer(99.0, -1.0, 3),
                "decoder/block_0_cross_attention": sublayer(5.0, uses=1),
            },
        }
        for step in (1, 2)
    ]
    cell = {"gradients": moments}
    found = use_gradients.series(cell)
    assert list(found) == [
        ("encoder", "feed_forward"),
        ("decoder", "cross_attention"),
    ]
    one = found["encoder", "feed_forward"]
    np.testing.assert_allclose(one.tokens, [10, 20])
    np.testing.assert_allclose(one.norm, [2.0, 2.0])
    np.testing.assert_allclose(one.lowest, [1.0, 1.0])
    np.testing.assert_allclose(one.highest, [4.0, 4.0])
    np.testing.assert_allclose(one.cosine, [0.3, 0.3])
    np.testing.assert_allclose(one.total, [3.0, 3.0])
    assert one.uses == 2
    alone = found["decoder", "cross_attention"]
    assert alone.uses == 1 and math.isnan(alone.cosine[0])
    tokens, cosine = use_gradients.cosine(cell)
    np.testing.assert_allclose(cosine, [0.3, 0.3])


def test_a_model_that_shares_nothing_has_no_cosine():
    cell = {
        "gradients": [
            moment(
                10, **{"encoder/block_0_self_attention": sublayer(1, None, 1)}
            )
        ]
    }
    assert use_gradients.series(cell)
    assert use_gradients.cosine(cell) is None
    assert use_gradients.cosine({"gradients": []}) is None
