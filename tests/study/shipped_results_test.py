"""Results that are committed stay those of the study that is shipped."""

import pathlib

from shared_transformer_tf.study import found_settings, plan
from shared_transformer_tf.study.selection import Selection

_ROOT = pathlib.Path(__file__).parents[2]


def test_results_and_searches_are_of_the_shipped_study():
    study = plan.load(_ROOT / "configs" / "study_multi30k.py")
    folder = _ROOT / "results" / study.name
    found = found_settings.read(str(folder), study)
    assert sorted(found) == sorted(study.searches)
    state = Selection(study).state(str(folder), found)
    cells = {path.stem for path in folder.glob("*-*.json")}
    assert cells
    assert {cell.name for cell in state.done} == cells
