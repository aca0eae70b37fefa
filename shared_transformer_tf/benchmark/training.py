"""Training steps timed side by side: precisions, rules, depths, and peers.

In all but `memory_contenders` the memory of tensors is given back to the
system: it is what the peers do by default.

Ratios are taken round by round; see `turns`.
"""

import dataclasses
import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shared_transformer_tf import cpu
from shared_transformer_tf.benchmark import matrix_product
from shared_transformer_tf.benchmark import turns as turns_lib
from shared_transformer_tf.benchmark.turns import Contender

TINY = {
    "vocabulary_size": 8000,
    "num_layers": 4,
    "hidden_dim": 128,
    "num_heads": 4,
    "intermediate_dim": 256,
    "dropout": 0.1,
}
SMALL = TINY | {"num_layers": 3, "hidden_dim": 256, "intermediate_dim": 1024}
_BATCHES = {"tiny": (240, 17), "small": (64, 24)}  # rows, tokens of each


def ours(name: str, model: dict, batch: tuple[int, int], **settings):
    """Returns a contender of `benchmark.training_step`."""
    rows, length = batch
    given = settings | {"model": model, "rows": rows, "length": length}
    module = "shared_transformer_tf.benchmark.training_step"
    command = (sys.executable, "-m", module, json.dumps(given))
    precision = model.get("dtype", "float32").removeprefix("mixed_")
    return Contender(name, command, rows * length, precision)


def speed_contenders(
    model: dict, batch: tuple[int, int], peers: str, threads: int
) -> list[Contender]:
    """Returns ours in each precision, and the peers.

    Args:
        model: arguments of `SharedTransformer`.
        batch: rows, and tokens of each.
        peers: folder with their environments and scripts; empty: none.
        threads: for PyTorch; TensorFlow takes all processors by itself.

    Raises:
        InputError: if a peer is not installed.
    """
    xla = {"jit_compile": True}
    bfloat16 = model | {"dtype": "mixed_bfloat16"}
    found = [
        ours("float32", model, batch),
        ours("float32 XLA", model, batch, compile=xla),
        ours("bfloat16", bfloat16, batch),
        ours("bfloat16 XLA", bfloat16, batch, compile=xla),
    ]
    if not peers:
        return found
    settings = {"model": model, "rows": batch[0], "length": batch[1]}
    settings["threads"] = threads
    half = settings | {"precision": "bfloat16"}
    return [
        *found,
        _peer("OpenNMT-tf", peers, "opennmt", settings),
        _peer("PyTorch float32", peers, "pytorch", settings),
        _peer("PyTorch bfloat16", peers, "pytorch", half),
    ]


def _peer(name: str, folder: str, peer: str, settings: dict) -> Contender:
    return Contender(
        name,
        turns_lib.peer(name, folder, peer, f"{peer}_step", settings),
        settings["rows"] * settings["length"],
        settings.get("precision", "float32"),
    )


def rule_contenders() -> list[Contender]:
    """Returns each gradient rule, and diagnostics in every step."""
    model = TINY | {"num_blocks": 2, "sharing": "sequence"}
    batch = _BATCHES["tiny"]
    rules = ("none", "uses", "sqrt_uses", "aligned", "unit", "clip")
    return [
        *(
            ours(
                rule,
                model,
                batch,
                compile={"gradient_rule": rule}
                | ({"per_use_clip_norm": 1.0} if rule == "clip" else {}),
            )
            for rule in rules
        ),
        ours("diagnostics in each step", model, batch, diagnose=True),
        ours("deterministic", model, batch, deterministic=True),
    ]


def depth_contenders(recompute: bool) -> list[Contender]:
    """Returns 6 to 24 layers of 6 blocks, and 24 of as many.

    Args:
        recompute: take a batch whose activations need more than 1 GiB, and
            24 layers whose activations are kept or recomputed.
    """
    batch = (512, 24) if recompute else (64, 24)
    of_six = TINY | {"num_blocks": 6, "sharing": "cycle"}
    deep = of_six | {"num_layers": 24}
    six = ours("6 layers", TINY | {"num_layers": 6}, batch)
    shared = ours("24 over 6", deep, batch)
    if recompute:
        again = deep | {"recompute": True}
        return [six, shared, ours("24 over 6, recomputed", again, batch)]
    return [
        six,
        ours("12 over 6", of_six | {"num_layers": 12}, batch),
        shared,
        ours("24 over 24", TINY | {"num_layers": 24}, batch),
    ]


def memory_contenders() -> list[Contender]:
    """Returns ours whose tensors' memory is the system's, or kept.

    As by default and as `train` has it; see `cpu.kept_memory`.
    """
    batch = _BATCHES["tiny"]
    kept = [f"{name}={value}" for name, value in cpu.kept_memory().items()]
    system = [part for name in cpu.kept_memory() for part in ("-u", name)]
    return [
        dataclasses.replace(one, command=("env", *environment, *one.command))
        for name, dtype in (("", "float32"), ("bfloat16, ", "mixed_bfloat16"))
        for state, environment in (("given back", system), ("kept", kept))
        for one in [ours(name + state, TINY | {"dtype": dtype}, batch)]
    ]


def measure(
    contenders: Sequence[Contender], rounds: int, steps: int
) -> dict[str, dict[str, Any]]:
    """Times contenders in turns.

    Args:
        contenders: the first is the one that ratios refer to.
        rounds: how often each has its turn.
        steps: in each turn.

    Returns:
        By name: `tokens_per_second` (median), `speed_ratio`, the speed over
        the first's, median over rounds, with `speed_ratio_quartiles`;
        `peak_gib` and what the contender said of itself.
    """
    facts, turns = turns_lib.take(contenders, rounds, [steps] * len(contenders))
    seconds = [
        [turn[index]["seconds"] / steps for turn in turns]
        for index in range(len(contenders))
    ]
    speeds = [
        [one.units / second for second in its]
        for one, its in zip(contenders, seconds, strict=True)
    ]
    return {
        one.name: facts[index]
        | {
            "tokens_per_second": round(statistics.median(speeds[index])),
            "step_seconds": statistics.median(seconds[index]),
            **turns_lib.ratio(speeds[index], speeds[0]),
            "peak_gib": turns[-1][index]["peak_gib"],
        }
        for index, one in enumerate(contenders)
    }


def add_shares(
    measured: dict[str, dict[str, Any]],
    contenders: Sequence[Contender],
    ceilings: Mapping[str, float],
) -> None:
    """Adds to each how much of a matrix product's rate its steps reach.

    Args:
        measured: of `measure`; gets `share_of_matrix_product`. The first
            contender has told the FLOPs of a step, the same for all.
        contenders: that were measured.
        ceilings: 10**9 FLOPs per second by precision.
    """
    flops = measured[contenders[0].name]["flops"]
    for one in contenders:
        rate = flops / measured[one.name]["step_seconds"] / 1e9
        measured[one.name]["share_of_matrix_product"] = (
            rate / ceilings[one.precision]
        )


def compare(
    parts: Sequence[str],
    rounds: int,
    steps: int,
    peers: str,
    threads: int,
    keep: Callable[[dict[str, Any]], None] = lambda results: None,
) -> dict[str, Any]:
    """Measures the parts asked for; see the module.

    Args:
        parts: of `speed`, `rules`, `depth` and `kept_memory`.
        rounds: turns of each contender.
        steps: in each turn.
        peers: see `speed_contenders`.
        threads: as well.
        keep: is given what there is after each part.
    """
    results: dict[str, Any] = {"rounds": rounds, "steps": steps}
    if "speed" in parts:
        ceilings = {
            precision: matrix_product.gflops(precision)
            for precision in ("float32", "bfloat16")
        }
        results["gflops_of_a_matrix_product"] = ceilings
        for size, model in (("tiny", TINY), ("small", SMALL)):
            contenders = speed_contenders(model, _BATCHES[size], peers, threads)
            measured = measure(contenders, rounds, steps)
            add_shares(measured, contenders, ceilings)
            results[f"speed_{size}"] = measured
            keep(results)
    if "rules" in parts:
        results["rules"] = measure(rule_contenders(), rounds, steps)
        keep(results)
    if "depth" in parts:
        results["depth"] = measure(depth_contenders(False), rounds, steps)
        keep(results)
        few = {"rounds": 2, "steps": 1}
        results["memory"] = measure(depth_contenders(True), **few)
        results["turns_of_memory"] = few
        keep(results)
    if "kept_memory" in parts:
        results["kept_memory"] = measure(memory_contenders(), rounds, steps)
    return results
