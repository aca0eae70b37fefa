"""The gate before an export: any difference is told with both sides."""

import pytest

from shared_transformer_tf.export import parity, parity_gate
from tests.export import exported, upper_case


@pytest.fixture(scope="module")
def tokenizer():
    return exported.make_tokenizer()


@pytest.fixture
def check(monkeypatch, tokenizer):
    """Checks a folder against a model whose translations are capitals."""
    monkeypatch.setattr(parity_gate, "InMemory", upper_case.UpperCaseInMemory)

    def run(folder, samples=()):
        return parity_gate.check(
            str(folder),
            upper_case.model(),
            tokenizer,
            exported.OPTIONS,
            exported.MAX_LENGTH,
            samples,
        )

    return run


def answer_call(call):
    """Returns what the SavedModel of capitals answers."""
    lines = [line.decode("utf-8", "replace") for line in call["inputs"]["text"]]
    best = [upper_case.capitals(line).encode() for line in lines]
    number = len(lines)
    if call["signature"] == "serving_default":
        return {"translation": best}
    if call["signature"] == "options":
        score = upper_case.SCORES[0]
        return {
            "translation": best,
            "score": [score] * number,
            "truncated": [False] * number,
        }
    return {
        "translations": [
            list(pair)
            for pair in zip(best, [x.encode() for x in lines], strict=True)
        ],
        "scores": [list(upper_case.SCORES) for _ in lines],
        "counts": [2] * number,
    }


def answering(monkeypatch, change):
    """Replaces the other process by one whose answers are changed."""

    def run_alone(folder, calls):
        answers = [parity.to_json(answer_call(call)) for call in calls]
        answer = {"answers": answers, "float_bytes": upper_case.FLOAT_BYTES}
        change(answer)
        return answer

    monkeypatch.setattr(parity_gate, "_run_alone", run_alone)


def test_an_equal_model_passes_in_a_process_of_its_own(
    check, monkeypatch, tmp_path
):
    # Bytes that are not UTF-8 are the tokenizer's affair, not of this model.
    lines = [line for line in parity_gate._FIXED_LINES if line.isascii()]
    monkeypatch.setattr(parity_gate, "_FIXED_LINES", lines)
    folder = upper_case.UpperCase().save(tmp_path / "1")
    assert check(folder, ["ok", "fine"]) == ["OK", "FINE"]
    other = upper_case.UpperCase("!").save(tmp_path / "2")
    with pytest.raises(parity_gate.ParityError, match="'' to '!', but .* ''"):
        check(other)


def test_what_cannot_run_without_python_is_told(check, tmp_path):
    with pytest.raises(parity_gate.ParityError, match="cannot be run") as error:
        check(tmp_path)
    assert "\n" not in str(error.value)


def test_a_sample_that_differs_is_told_with_both_translations(
    check, monkeypatch
):
    def change(answer):
        answer["answers"][0]["translation"][-1] = "other"

    answering(monkeypatch, change)
    with pytest.raises(
        parity_gate.ParityError,
        match="translates 'mine' to 'other', but the model in memory to 'MINE'",
    ):
        check("folder", ["yours", "mine"])


@pytest.mark.parametrize("batch", [1, 2])
def test_a_line_alone_must_not_differ_either(check, monkeypatch, batch):
    def change(answer):
        answer["answers"][batch]["translation"][0] = "other"

    answering(monkeypatch, change)
    with pytest.raises(parity_gate.ParityError, match="to 'other'"):
        check("folder", ["mine"])


def test_bytes_that_are_no_text_are_told(check, monkeypatch):
    def change(answer):
        answer["answers"][2]["translation"][0] = "\xe2\x82"

    answering(monkeypatch, change)
    with pytest.raises(parity_gate.ParityError, match="to '\ufffd'"):
        check("folder", ["mine"])


def test_a_lost_line_is_told(check, monkeypatch):
    def change(answer):
        answer["answers"][0]["translation"].pop()

    answering(monkeypatch, change)
    with pytest.raises(parity_gate.ParityError, match="lines with"):
        check("folder")


@pytest.mark.parametrize(("gap", "passes"), [(5e-6, True), (5e-5, False)])
def test_of_two_translations_with_one_score_either_will_do(
    check, monkeypatch, gap, passes
):
    def change(answer):
        nbest = answer["answers"][4]
        nbest["scores"][-1][1] = nbest["scores"][-1][0] - gap
        answer["answers"][0]["translation"][-1] = "mine"  # the second best

    monkeypatch.setattr(parity_gate, "_check_nbest", lambda *arguments: None)
    answering(monkeypatch, change)
    if passes:
        assert check("folder", ["mine"]) == ["mine"]
    else:
        with pytest.raises(parity_gate.ParityError, match="to 'mine'"):
            check("folder", ["mine"])


@pytest.mark.parametrize("line", ["told", "tied"])
def test_a_tie_of_another_line_excuses_nothing(line):
    nbest = {
        "translations": [["ours", "theirs", "ours"], ["ours", "theirs"]],
        "scores": [[-1.0, -2.0, -2.0], [-1.0, -1.0]],
    }
    scores = parity_gate._scores([b"told", b"tied"], nbest)
    answer = ([line], ["ours"], ["theirs"], scores)
    if line == "tied":
        parity_gate._check_batch(*answer)
    else:
        with pytest.raises(parity_gate.ParityError, match="to 'theirs'"):
            parity_gate._check_batch(*answer)


def set_nbest(name, value):
    return lambda answers: answers[4][name].__setitem__(-1, value)


def set_option(name, value):
    return lambda answers: answers[5][name].__setitem__(-1, value)


CHANGES = {
    "gives 1 translations of 'mine', but .* 2": set_nbest("counts", 1),
    "to 'other' .1. best": set_nbest("translations", ["other", "mine"]),
    "score -1.6, but": set_nbest("scores", [-1.6, -2.5]),
    "'other' with options": set_option("translation", "other"),
    "score -1.7, but": set_option("score", -1.7),
    "score nan, but": set_option("score", float("nan")),
}


@pytest.mark.parametrize("message", CHANGES)
def test_every_signature_is_compared(check, monkeypatch, message):
    answering(monkeypatch, lambda answer: CHANGES[message](answer["answers"]))
    with pytest.raises(parity_gate.ParityError, match=message):
        check("folder", ["mine"])


def find_otherwise(monkeypatch, **changes):
    find = upper_case.UpperCaseInMemory.find

    def changed(*arguments, **options):
        rows = find(*arguments, **options)
        return [[one._replace(**changes) for one in row] for row in rows]

    monkeypatch.setattr(upper_case.UpperCaseInMemory, "find", changed)


@pytest.mark.parametrize(
    ("score", "wanted", "near"),
    [
        (-3.0, -3.00009, True),
        (-3.0, -3.00011, False),
        (-900.0, -900.0005, True),  # about eight units in the last place
        (-900.0, -900.002, False),
        (float("nan"), -3.0, False),
        (float("-inf"), float("-inf"), False),
    ],
)
def test_scores_differ_by_rounding_alone(score, wanted, near):
    assert parity_gate._is_near(score, wanted) == near


def test_scores_must_be_those_of_teacher_forcing(check, monkeypatch):
    find_otherwise(monkeypatch, rescored=-9.0)
    answering(monkeypatch, lambda answer: None)
    with pytest.raises(parity_gate.ParityError, match="teacher forcing -9"):
        check("folder")


def test_a_cut_translation_must_be_told(check, monkeypatch):
    find_otherwise(monkeypatch, truncated=True)
    answering(monkeypatch, lambda answer: None)
    with pytest.raises(parity_gate.ParityError, match="truncated=False"):
        check("folder")


def test_a_whole_translation_must_not_be_told_cut(check, monkeypatch):
    def change(answer):
        told = answer["answers"][-1]["truncated"]
        answer["answers"][-1]["truncated"] = [True] * len(told)

    answering(monkeypatch, change)
    with pytest.raises(parity_gate.ParityError, match="truncated=True"):
        check("folder")


@pytest.mark.parametrize("factor", [0, 2])
def test_weights_stored_twice_or_not_at_all_are_told(
    check, monkeypatch, factor
):
    answering(monkeypatch, lambda answer: None)
    check("folder")
    stored = factor * upper_case.FLOAT_BYTES
    answering(monkeypatch, lambda answer: answer.update(float_bytes=stored))
    with pytest.raises(parity_gate.ParityError, match=f"stores {stored} bytes"):
        check("folder")
