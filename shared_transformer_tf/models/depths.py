"""At which depth of which stack each use of a sublayer is."""

from shared_transformer_tf.models.transformer import SharedTransformer


def depths_of_uses(
    model: SharedTransformer,
) -> dict[str, list[tuple[str, int]]]:
    """Returns stack and depth, from 0, of each use, by the sublayer's path.

    The path is that within the model; uses are in the order of the forward
    pass. Layer norms are left out: they weigh little.
    """
    found: dict[str, list[tuple[str, int]]] = {}
    for stack in (model.encoder, model.decoder):
        for kind, schedule in stack.plan.schedules.items():
            if kind == "layer_norm":
                continue
            owner = stack
            if kind in stack.borrowed_kinds:
                owner = model.encoder
            for depth, block in enumerate(schedule):
                path = f"{owner.name}/block_{block}_{kind}"
                found.setdefault(path, []).append((stack.name, depth))
    return found
