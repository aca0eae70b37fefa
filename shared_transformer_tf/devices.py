"""What is asked for by --strategy and --num_replicas, checked at once."""

import json
import os

from shared_transformer_tf.errors import InputError

STRATEGIES = ("none", "mirrored", "multiworker", "tpu")


def check(strategy: str, num_replicas: int, num_buckets: int) -> None:
    """Checks what can be told before TensorFlow looks for devices.

    Args:
        strategy: one of `STRATEGIES`.
        num_replicas: of `mirrored`; 0 takes all GPUs.
        num_buckets: batch shapes of the training.

    Raises:
        InputError: if the strategy is unknown, or is given what it cannot
            use or lacks what it needs.
    """
    if strategy not in STRATEGIES:
        raise InputError(
            f"--strategy={strategy} is unknown. Valid: {', '.join(STRATEGIES)}."
        )
    if num_replicas and strategy != "mirrored":
        raise InputError(
            "--num_replicas is for --strategy=mirrored: the others take what "
            "devices they find."
        )
    if num_replicas < 0:
        raise InputError(f"--num_replicas={num_replicas} is negative.")
    if strategy == "multiworker":
        _check_cluster(os.environ.get("TF_CONFIG", ""))
    if strategy == "tpu" and num_buckets > 1:
        raise InputError(
            "--strategy=tpu compiles for one batch shape: give "
            "--config.data.num_buckets=1."
        )


def _check_cluster(text: str) -> None:
    try:
        values = json.loads(text)
        task = values["task"]
        addresses = values["cluster"][task["type"]]
        known = task["type"] in ("chief", "worker")
        sound = known and 0 <= int(task["index"]) < len(addresses)
    except (ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise InputError(
            f"--strategy=multiworker reads TF_CONFIG, which is {text!r}. Set "
            'it on each machine, as in {"cluster": {"worker": ["host1:2222", '
            '"host2:2222"]}, "task": {"type": "worker", "index": 0}}, with '
            "the machine's own index."
        )
