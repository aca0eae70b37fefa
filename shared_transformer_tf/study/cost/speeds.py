"""How large and how fast the models of a study are.

Speeds come from results of the same kind of processor, where an arm has some,
else from a few updates timed on one, which are kept in the study's folder.
"""

import dataclasses
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from absl import logging

from shared_transformer_tf import cpu
from shared_transformer_tf.config import Config
from shared_transformer_tf.errors import InputError
from shared_transformer_tf.study import tasks, whole_file
from shared_transformer_tf.study.run.cell_process import (
    CellProcess,
    StudyFolder,
    last_line,
)

_MODULE = "shared_transformer_tf.study.cost.survey"
_SECONDS = 6.0
_EACH_USE = ("aligned", "unit", "clip")
# What of a model changes its weights or FLOPs, and its speed.
_SHAPE = (
    "num_layers hidden_dim num_heads intermediate_dim recompute tied_embeddings"
).split()


@dataclasses.dataclass(frozen=True)
class Speed:
    """What training one model costs.

    Attributes:
        weights: unique ones.
        flops_per_token: of training, per target token.
        tokens_per_second: target tokens, on one processor.
    """

    weights: int
    flops_per_token: float
    tokens_per_second: float


def survey(
    configs: Sequence[Config],
    paces: Sequence[float | None],
    folder: StudyFolder,
    processor: int,
    sentence_tokens: int,
) -> list[Speed]:
    """Returns size and speed of the model of each config.

    Models that differ in neither depth, width, batch nor kind of rule are
    timed once. What was measured before is read from the folder. No cell is
    ever trained with the vocabulary that is made for it.

    Args:
        configs: the first one's text is there.
        paces: target tokens per second of each, where they are known.
        folder: of the study.
        processor: that it is measured on.
        sentence_tokens: of a sentence with its end, for the FLOPs.

    Raises:
        InputError: if a model cannot be built or trained.
    """
    known = _read(folder.throughput)
    models = {_model_key(one, sentence_tokens): one for one in configs}
    timed = {
        _speed_key(one): one
        for one, pace in zip(configs, paces, strict=True)
        if pace is None
    }
    untimed = [one for key, one in timed.items() if key not in known]
    unbuilt = [one for key, one in models.items() if key not in known]
    asked = _distinct([*untimed, *unbuilt])
    if untimed:
        tasks.check_text(configs[0])
    if asked:
        logging.info(
            "Building %d models and timing %d of them, which may take minutes; "
            "what is found is kept in %s.",
            len(asked),
            len(untimed),
            folder.throughput,
        )
        timed_places = [asked.index(one) + 1 for one in untimed]
        request = _request([configs[0], *asked], sentence_tokens, timed_places)
        for one, found in zip(asked, _ask(request, processor)[1:], strict=True):
            if "tokens_per_second" in found:
                known[_speed_key(one)] = found.pop("tokens_per_second")
            known[_model_key(one, sentence_tokens)] = found
        _write(folder.throughput, known)
    return [
        Speed(
            tokens_per_second=pace or known[_speed_key(one)],
            **known[_model_key(one, sentence_tokens)],
        )
        for one, pace in zip(configs, paces, strict=True)
    ]


def sizes(
    configs: Sequence[Config], processor: int, sentence_tokens: int
) -> list[tuple[int, float]]:
    """Returns weights and FLOPs per target token; needs no text.

    Args:
        configs: of the models.
        processor: that they are built on.
        sentence_tokens: of a sentence with its end.
    """
    found = _ask(_request(configs, sentence_tokens), processor)
    return [(one["weights"], one["flops_per_token"]) for one in found]


def _request(
    configs: Iterable[Config], sentence_tokens: int, timed: Sequence[int] = ()
) -> dict[str, Any]:
    return {
        "configs": [one.to_dict() for one in configs],
        "timed": list(timed),
        "sentence_tokens": sentence_tokens,
        "seconds": _SECONDS,
    }


def _ask(request: Mapping[str, Any], processor: int) -> list[dict[str, Any]]:
    with (
        tempfile.NamedTemporaryFile("w+", suffix=".log") as log,
        tempfile.TemporaryFile("w+", encoding="utf-8") as output,
    ):
        code = CellProcess(_MODULE, request, processor, output, log).wait()
        if code:
            raise InputError(
                f"The models could not be measured: {last_line(log.name)}"
            )
        output.seek(0)
        return [json.loads(line) for line in output]


def _speed_key(config: Config) -> str:
    training = config.training
    return json.dumps(
        [
            "tokens_per_second",
            {name: getattr(config.model, name) for name in _SHAPE},
            vars(config.decoder),
            config.tokenizer.vocabulary_size,
            config.data.batch_tokens,
            training.precision,
            training.xla,
            training.gradient_rule in _EACH_USE,
            cpu.describe(),
            (cpu.kept_memory() | os.environ)["TF_CPU_ALLOCATOR_USE_BFC"],
        ]
    )


def _model_key(config: Config, sentence_tokens: int) -> str:
    return json.dumps(
        [
            "size",
            vars(config.model),
            vars(config.decoder),
            config.tokenizer.vocabulary_size,
            sentence_tokens,
        ]
    )


def _distinct(configs: Iterable[Config]) -> list[Config]:
    return list({one.to_json(): one for one in configs}.values())


def _read(path: str) -> dict[str, Any]:
    if not os.path.exists(path):
        return {}
    return whole_file.read_json(path, "delete it, and it is measured anew")


def _write(path: str, known: Mapping[str, Any]) -> None:
    whole_file.write(path, json.dumps(known, indent=1))
