"""The unique sublayers that a sharing plan asks for."""

from collections.abc import Callable

import keras

from shared_transformer_tf.sharing import SharingPlan


def make_sublayers(
    plan: SharingPlan,
    kind: str,
    make: Callable[[str], keras.layers.Layer],
    borrowed: dict[str, list[keras.layers.Layer]],
) -> list[keras.layers.Layer]:
    """Returns the sublayers of one kind, made or borrowed.

    Args:
        plan: of the stack.
        kind: of the sublayers.
        make: makes one, given its name.
        borrowed: by kind, sublayers of another stack to take instead.

    Raises:
        ValueError: if the other stack has too few.
    """
    count = plan.num_objects(kind)
    if kind not in borrowed:
        return [make(f"block_{index}_{kind}") for index in range(count)]
    if len(borrowed[kind]) < count:
        raise ValueError(
            f"{count} {kind} sublayers are to be borrowed, but the lending "
            f"stack has {len(borrowed[kind])}: give both stacks as many "
            "blocks, or do not share this kind."
        )
    return list(borrowed[kind][:count])


def make_norms(
    plan: SharingPlan, make: Callable[[str], keras.layers.Layer]
) -> list[dict[str, keras.layers.Layer]]:
    """Returns for each block a layer norm per sublayer, by kind.

    Args:
        plan: of the stack.
        make: makes one, given its name.
    """
    kinds = [kind for kind in plan.kinds if kind != "layer_norm"]
    return [
        {kind: make(f"block_{index}_{kind}_norm") for kind in kinds}
        for index in range(plan.num_objects("layer_norm"))
    ]
