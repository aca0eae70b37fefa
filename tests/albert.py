"""ALBERT of keras_nlp: a model that is not ours and shares its layers."""

import keras_nlp


def backbone(dropout=0.2):
    """Returns one whose three layers are one group."""
    return keras_nlp.models.AlbertBackbone(
        vocabulary_size=20,
        num_layers=3,
        num_heads=2,
        embedding_dim=6,
        hidden_dim=8,
        intermediate_dim=12,
        num_groups=1,
        num_inner_repetitions=1,
        max_sequence_length=4,
        dropout=dropout,
    )
