"""Over which devices and machines a training is distributed."""

import contextlib
import functools
import signal
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from shared_transformer_tf.errors import InputError


def make_strategy(name: str, num_replicas: int = 0) -> tf.distribute.Strategy:
    """Returns a strategy; to be called before TensorFlow uses its devices.

    Args:
        name: one that `devices.check` took: `none`, one device; `mirrored`,
            the devices of this machine; `multiworker`, those of the machines
            in the environment variable TF_CONFIG; `tpu`, the TPU that
            TPU_NAME or this machine has.
        num_replicas: of `mirrored`: GPUs, or parts of the CPU where there is
            none; 0 takes all GPUs.

    Raises:
        InputError: if the devices are not there.
    """
    if name == "mirrored":
        return _mirrored(tuple(_devices(num_replicas)))
    if name == "multiworker":
        return _multi_worker_strategy()
    if name == "tpu":
        return _tpu_strategy()
    if name == "none":
        return tf.distribute.get_strategy()
    raise ValueError(f"Unknown strategy {name!r}.")


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    """Makes one for a process: a second one would number its collectives anew.

    TensorFlow remembers their shapes by number, so those of another training
    would be refused.
    """
    return tf.distribute.MirroredStrategy(list(devices))


def _multi_worker_strategy() -> tf.distribute.Strategy:
    made = tf.distribute.MultiWorkerMirroredStrategy()
    # TensorFlow now watches for SIGTERM, and so nothing would end by it.
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)
    return made


def _devices(number: int) -> list[str]:
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus and not number:
        raise InputError(
            "--strategy=mirrored found no GPU. Use --strategy=none, or "
            "--num_replicas=2 to try it on parts of the CPU."
        )
    if gpus and number > len(gpus):
        raise InputError(
            f"--num_replicas={number}, but there are {len(gpus)} GPUs."
        )
    if gpus:
        return [f"GPU:{i}" for i in range(number or len(gpus))]
    _divide_cpu(number)
    return [f"CPU:{i}" for i in range(number)]


def _divide_cpu(number: int) -> None:
    """Makes several devices of the CPU."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * number
    divided = tf.config.get_logical_device_configuration(cpu)
    if divided is not None and len(divided) == number:
        return  # by a training before
    try:
        tf.config.set_logical_device_configuration(cpu, parts)
    except RuntimeError as error:
        raise InputError(
            f"The CPU cannot be divided into {number} replicas once "
            "TensorFlow has used it: train in a process of its own."
        ) from error


def _tpu_strategy() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
    except (ValueError, tf.errors.OpError) as error:
        raise InputError(
            f"--strategy=tpu found no TPU ({str(error).splitlines()[0]}): "
            "start it on a TPU machine, or name one in TPU_NAME."
        ) from error
    return tf.distribute.TPUStrategy(resolver)


def distribute(
    strategy: tf.distribute.Strategy,
    make_dataset: Callable[[Sequence[int], int], tf.data.Dataset],
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Returns what `fit` reads under a strategy.

    Args:
        strategy: that the model was made under.
        make_dataset: of some replicas' numbers and the number of all: returns
            their parts of each batch, one after the other.
    """
    with strategy.scope():
        if not tf.distribute.has_strategy():
            return make_dataset([0], 1)

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        replicas = context.num_replicas_in_sync
        own = replicas // context.num_input_pipelines
        first = own * context.input_pipeline_id
        return make_dataset(range(first, first + own), replicas)

    return strategy.distribute_datasets_from_function(of_worker)


def has_several_workers(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether the replicas are in several processes."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def is_tpu(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether the replicas are cores of a TPU."""
    return isinstance(strategy, tf.distribute.TPUStrategy)


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether this process writes what all of them made."""
    if not has_several_workers(strategy):
        return True
    resolver = strategy.cluster_resolver
    if "chief" in resolver.cluster_spec().jobs:
        return resolver.task_type == "chief"
    return resolver.task_id == 0


def check_agreement(
    strategy: tf.distribute.Strategy, step: int, config: str, text: int
) -> None:
    """Waits for all workers, and checks that they are about to do the same.

    Args:
        strategy: of all of them.
        step: updates done before.
        config: of the training, as text.
        text: checksum of what it reads.

    Raises:
        InputError: on every worker, if one differs.
    """
    if not has_several_workers(strategy):
        return
    found = _gather(strategy, [step, zlib.crc32(config.encode()), text])
    steps, configs, texts = (sorted(set(c)) for c in found.T.tolist())
    if len(steps) > 1:
        raise InputError(
            f"The workers go on from different updates ({steps}): --workdir "
            "has to be one folder that all of them see."
        )
    if len(configs) > 1:
        raise InputError(
            "The workers were started with different settings: give all of "
            "them the same --config flags."
        )
    if len(texts) > 1:
        raise InputError(
            "The workers read different text: give all of them the same "
            "training and dev files."
        )


@contextlib.contextmanager
def together(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Has a refusal under `with` on one worker end all of them.

    Else those that have nothing against it would wait for that one.

    Raises:
        InputError: the refusal, and on the other workers that there is one.
        OSError: likewise, such as of a folder that cannot be made.
    """
    refusal = None
    try:
        yield
    except (InputError, OSError) as error:
        refusal = error
    if highest(strategy, int(refusal is not None)):
        raise refusal or InputError(
            "Another worker refuses to go on: its log says why."
        )


def highest(strategy: tf.distribute.Strategy, number: int) -> int:
    """Returns the highest of the workers' numbers; all have to ask for it."""
    if not has_several_workers(strategy):
        return number
    return int(_gather(strategy, [number]).max())


def _gather(strategy: tf.distribute.Strategy, numbers: list[int]) -> np.ndarray:
    """Waits for all workers; returns int64 (replicas, numbers)."""
    found = _gathering(strategy)(tf.constant([numbers], tf.int64))
    return strategy.experimental_local_results(found)[0].numpy()


@functools.cache
def _gathering(strategy: tf.distribute.Strategy) -> Callable:
    """Traced once, though asked at every checkpoint."""

    def gather(own):
        placed = tf.identity(own)  # all_gather wants a tensor's device
        return tf.distribute.get_replica_context().all_gather(placed, axis=0)

    return tf.function(
        lambda own: strategy.run(gather, (own,)), autograph=False
    )
