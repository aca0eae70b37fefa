"""The gate before an export: any difference is told with both sides."""

import pytest

from shared_transformer_tf.export import parity_gate
from tests.export import exported, upper_case


@pytest.fixture(scope="module")
def tokenizer():
    return exported.make_tokenizer()


@pytest.fixture
def check(monkeypatch, tokenizer):
    """Checks a folder against a model whose translations are capitals."""
    monkeypatch.setattr(
        parity_gate.translator, "Translator", upper_case.in_memory
    )

    def run(folder, samples=()):
        parity_gate.check(
            str(folder),
            upper_case.model(),
            tokenizer,
            exported.OPTIONS,
            exported.MAX_LENGTH,
            samples,
        )

    return run


def answering(monkeypatch, change):
    """Replaces the other process by one whose answers are changed."""

    def run_alone(folder, batches):
        translate = upper_case.in_memory()
        answers = [
            translate([line.decode("utf-8", "replace") for line in lines])
            for lines in batches
        ]
        answer = {
            "batches": [[list(x.encode()) for x in batch] for batch in answers],
            "float_bytes": upper_case.FLOAT_BYTES,
        }
        change(answer)
        return answer

    monkeypatch.setattr(parity_gate, "_run_alone", run_alone)


def test_an_equal_model_passes_in_a_process_of_its_own(
    monkeypatch, tokenizer, tmp_path
):
    # Bytes that are not UTF-8 are the tokenizer's affair, not of this model.
    lines = [line for line in parity_gate._FIXED_LINES if line.isascii()]
    monkeypatch.setattr(parity_gate, "_FIXED_LINES", lines)
    monkeypatch.setattr(
        parity_gate.translator, "Translator", upper_case.in_memory
    )
    folder = upper_case.UpperCase().save(tmp_path / "1")
    arguments = (upper_case.model(), tokenizer, exported.OPTIONS, 16, ["ok"])
    parity_gate.check(folder, *arguments)
    other = upper_case.UpperCase("!").save(tmp_path / "2")
    with pytest.raises(parity_gate.ParityError, match="'' to '!', but .* ''"):
        parity_gate.check(other, *arguments)


def test_what_cannot_run_without_python_is_told(check, tmp_path):
    with pytest.raises(parity_gate.ParityError, match="cannot be run") as error:
        check(tmp_path)
    assert "\n" not in str(error.value)


def test_a_sample_that_differs_is_told_with_both_translations(
    check, monkeypatch
):
    def change(answer):
        answer["batches"][0][-1] = list(b"other")

    answering(monkeypatch, change)
    with pytest.raises(
        parity_gate.ParityError,
        match="translates 'mine' to 'other', but the model in memory to 'MINE'",
    ):
        check("folder", ["yours", "mine"])


@pytest.mark.parametrize("batch", [1, 2])
def test_a_line_alone_must_not_differ_either(check, monkeypatch, batch):
    def change(answer):
        answer["batches"][batch][0] = list(b"other")

    answering(monkeypatch, change)
    with pytest.raises(parity_gate.ParityError, match="to 'other'"):
        check("folder", ["mine"])


def test_bytes_that_are_no_text_are_told(check, monkeypatch):
    def change(answer):
        answer["batches"][2][0] = [0xE2, 0x82]

    answering(monkeypatch, change)
    with pytest.raises(parity_gate.ParityError, match="to '\ufffd'"):
        check("folder", ["mine"])


def test_a_lost_line_is_told(check, monkeypatch):
    answering(monkeypatch, lambda answer: answer["batches"][0].pop())
    with pytest.raises(parity_gate.ParityError, match="lines with"):
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


def test_made_lines_are_many_and_of_many_lengths(tokenizer):
    lines = parity_gate._made_lines(tokenizer, 16)
    assert lines == parity_gate._made_lines(tokenizer, 16)
    assert len(set(lines)) > 20
    assert len({len(ids) for ids in tokenizer.encode_source(lines)}) > 8
