"""The composition root of a training: from a config to a run directory."""

import contextlib
import dataclasses
import functools
import sys
import tempfile
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf
from absl import logging

from shared_transformer_tf import dev_set, devices, validation
from shared_transformer_tf.config import Config, TrainingConfig
from shared_transformer_tf.data import corpus, pipeline, token_pairs
from shared_transformer_tf.data.tokenizer import Tokenizer
from shared_transformer_tf.errors import StoppedError
from shared_transformer_tf.models import complexity, depths
from shared_transformer_tf.models.transformer import SharedTransformer
from shared_transformer_tf.run_directory import RunDirectory
from shared_transformer_tf.trained_run import build_model
from shared_transformer_tf.training import (
    callbacks,
    checkpoints,
    diagnostics,
    guard_rails,
    processors,
    resume,
    strategies,
)
from shared_transformer_tf.training.optimizers import make_optimizer
from shared_transformer_tf.training.progress import (
    MetricsLog,
    TrainingProgress,
)
from shared_transformer_tf.training.stop_signals import StopSignals


def train(
    config: Config,
    workdir: str,
    strategy: str = "none",
    num_replicas: int = 0,
    enough: Callable[[dict[str, float]], bool] | None = None,
) -> None:
    """Trains, or goes on training, in a run directory.

    Args:
        config: of the experiment; checked here.
        workdir: the run directory.
        strategy: one of `devices.STRATEGIES`; a batch is the same in each.
        num_replicas: see `strategies.make_strategy`.
        enough: given dev scores and `tokens`, says whether to stop there,
            for a later call to go on. Not for several workers.

    Raises:
        InputError: before the first update, of what is given; later, of a
            training that diverged or a checkpoint that cannot be written.
    """
    config.validate()
    devices.check(strategy, num_replicas, config.data.num_buckets)
    run = RunDirectory(workdir)
    run.check(config)
    newest = resume.newest_sound(run.checkpoints)
    if newest and resume.is_finished(newest, config.training):
        print(f"The run in {workdir} is finished after {newest.step} updates.")
        return
    distribution = strategies.make_strategy(strategy, num_replicas)
    keras.utils.set_random_seed(config.training.seed)
    if config.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    train_text, valid_text = (
        corpus.load_split(config.data, split, config.training.seed)
        for split in ("train", "valid")
    )
    text = corpus.checksum(train_text, valid_text)
    with strategies.together(distribution):
        resume.check_text(newest, text)
    begun = run.exists
    tokenizer = _tokenizer(config, run, train_text)
    batches = training_batches(config, train_text, tokenizer)
    planned = _with_last_step(config, batches, begun)
    with distribution.scope():
        model = build_model(config, tokenizer)
        compile_model(model, planned)
    _report(model, batches.pairs, config.training.precision)
    progress = resume.restore(newest, model, text)
    evaluate = dev_set.make_evaluation(config, valid_text, tokenizer, model)
    agreed = (progress.step, config.to_json(), text)
    strategies.check_agreement(distribution, *agreed)
    with _written_by_one(distribution, run, config, newest, begun) as own_run:
        if not begun:
            tokenizer.save(own_run.tokenizer)
        own_run.write_config(config)
        with StopSignals() as signals:
            evaluate = signals.watch(evaluate, progress, enough)
            _fit(planned, own_run, model, batches, progress, evaluate, signals)
    _tell_end(progress, signals, workdir)


def _tokenizer(
    config: Config, run: RunDirectory, text: corpus.ParallelText
) -> Tokenizer:
    """That of a run that began, else a new one."""
    if run.exists:
        return Tokenizer.load(run.tokenizer)
    return Tokenizer.from_config(text.source, text.target, config.tokenizer)


def _tell_end(
    progress: TrainingProgress, signals: StopSignals, workdir: str
) -> None:
    if signals.received and (signals.watched or not progress.finished):
        raise StoppedError(
            f"Stopped after update {progress.step}, which is saved: the same "
            "command goes on from there.",
            signals.received,
        )
    print(
        f"Trained {progress.step} updates in {progress.seconds / 60:.1f} "
        f"minutes; best: {callbacks.describe_scores(progress.best_scores)}. "
        f"Run directory: {workdir}",
        file=sys.stderr,
    )


@contextlib.contextmanager
def _written_by_one(
    distribution: tf.distribute.Strategy,
    run: RunDirectory,
    config: Config,
    newest: checkpoints.Checkpoint | None,
    begun: bool,
) -> Iterator[RunDirectory]:
    """Gives all workers but one a folder that is thrown away.

    They have to take part: variables are read on all of them at once. That
    one looks again at what it found before it had the folder to itself.
    """
    with contextlib.ExitStack() as stack:
        with strategies.together(distribution):
            if strategies.is_chief(distribution):
                stack.enter_context(run.alone())
                run.check(config)
                resume.check_newest(newest, run.checkpoints)
                run.check_begun(begun)
                own_run = run
            else:
                scratch = tempfile.TemporaryDirectory()
                own_run = RunDirectory(stack.enter_context(scratch))
        yield own_run


def training_batches(
    config: Config, text: corpus.ParallelText, tokenizer: Tokenizer
) -> pipeline.TrainingBatches:
    """Returns the batches that a config is trained on.

    Args:
        config: of the experiment.
        text: its training text.
        tokenizer: of the run.
    """
    return pipeline.TrainingBatches(
        token_pairs.encode_pairs(text, tokenizer, config.data),
        batch_tokens=config.data.batch_tokens,
        num_buckets=config.data.num_buckets,
        max_length=config.data.max_length,
        seed=config.training.seed,
    )


def _with_last_step(
    config: Config, batches: pipeline.TrainingBatches, begun: bool
) -> Config:
    """`config` with `max_steps` where `max_tokens` would end the training.

    Schedules that fall to the last update, the time left and the end then
    know of one number only.
    """
    settings = config.training
    ends = [settings.max_steps]
    if settings.max_tokens:
        ends.append(batches.steps_for_tokens(settings.max_tokens))
    last = min(end for end in ends if end)
    planned = dataclasses.replace(settings, max_steps=last)
    if not begun:
        validation.check_fall(planned)
    return dataclasses.replace(config, training=planned)


def compile_model(model: SharedTransformer, config: Config) -> None:
    """Compiles a model for the training that a config asks for."""
    settings = config.training
    model.compile(
        make_optimizer(settings),
        gradient_rule=_gradient_rules(settings),
        jit_compile=settings.xla,
        **{
            name: getattr(settings, name)
            for name in (
                "label_smoothing",
                "clip_norm",
                "per_use_clip_norm",
                "update_scaling",
                "accumulation_steps",
                "max_gradient_norm",
            )
        },
    )
    model.optimizer.build(model.trainable_variables)


def _gradient_rules(settings: TrainingConfig) -> dict[str, str]:
    of_embeddings = settings.embedding_gradient_rule or settings.gradient_rule
    return {"embeddings$": of_embeddings, "": settings.gradient_rule}


def _asked_to_stop(model, progress, settings, signals: StopSignals) -> bool:
    """Whether to end now: several workers agree on it at each checkpoint."""
    distribution = model.distribute_strategy
    if strategies.has_several_workers(distribution):
        if progress.step % settings.save_every:
            return False
    return signals.agreed(functools.partial(strategies.highest, distribution))


def _fit(config, run, model, batches, progress, evaluate, signals) -> None:
    settings = config.training
    log = MetricsLog(run.metrics_file, run.logs, progress.step)
    report = callbacks.ProgressReport(settings, progress, log)
    keeper = callbacks.EvaluationAndCheckpoints(
        settings,
        progress,
        log,
        run.checkpoints,
        evaluate,
        report,
        lambda: _asked_to_stop(model, progress, settings, signals),
    )
    guard = guard_rails.GradientGuard(
        settings.on_bad_gradient,
        progress.step,
        batches.line_numbers,
        lambda: _last_name(run.checkpoints),
    )
    watchers = [guard, report, keeper]
    if settings.diagnose_every:
        watchers.insert(
            2,  # after the update is counted, before it is saved
            diagnostics.UseDiagnostics(
                settings.diagnose_every,
                progress,
                log,
                batches.batch,
                depths.depths_of_uses(model),
                report.pause,
            ),
        )
    model.fit(
        strategies.distribute(
            model.distribute_strategy,
            functools.partial(batches.dataset, progress.step),
        ),
        steps_per_epoch=settings.max_steps - progress.step,
        epochs=1,
        shuffle=False,
        verbose=0,
        callbacks=watchers,
    )


def _last_name(directory: str) -> str:
    found = resume.look_for_sound(directory)
    return found.name if found else ""


def _report(
    model: SharedTransformer, pairs: token_pairs.TokenPairs, precision: str
) -> None:
    mean = [
        round(1 + sum(map(len, side)) / len(pairs))
        for side in (pairs.source, pairs.target)
    ]
    for line in [
        *complexity.describe_uses(model).splitlines(),
        *complexity.complexity(model, *mean).describe().splitlines(),
    ]:
        logging.info("%s", line)
    if warning := processors.slow_precision(precision):
        logging.warning("%s", warning)
