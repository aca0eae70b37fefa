"""The README's Keras scripts run as printed, the second in a new process.

But for the number of updates, which is a tenth, and of layers, a half.
"""

import pathlib
import re
import subprocess
import sys

SEEDED = "import keras\nkeras.utils.set_random_seed(1)\n"
README = pathlib.Path(__file__).parents[1] / "README.md"


def run(script, folder):
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={"PYTHONPATH": str(README.parent), "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("[")]


def test_first_script_trains_and_second_goes_on(tmp_path):
    text = README.read_text(encoding="utf-8")
    text = text.replace("steps_per_epoch=100", "steps_per_epoch=10")
    text = text.replace("start_step=300", "start_step=30")
    text = text.replace("num_layers=4", "num_layers=2")
    text = text.replace("num_blocks=2", "num_blocks=1")
    first, second, _ = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    printed = run(SEEDED + first, tmp_path)
    assert len(printed) == 1 and printed != ["['']"]
    assert (tmp_path / "model.keras").exists()
    check = "\nassert model.optimizer.iterations == 40\n"
    assert run(second + check, tmp_path) == printed


def test_third_script_counts_uses_in_a_model_that_is_not_ours(tmp_path):
    text = README.read_text(encoding="utf-8")
    text = text.replace("num_layers=6", "num_layers=3")
    *_, script = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    check = "\nassert set(counts.values()) == {1, 3}\n"
    assert run(script + check, tmp_path) == []
