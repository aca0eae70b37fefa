import pytest

from shared_transformer_tf.config import DecodingConfig
from shared_transformer_tf.decoding.sentences import clean_text
from shared_transformer_tf.export import ctranslate2_gate, parity_gate
from tests.export import exported


class Export:
    """An export that changes translations and scores as told."""

    def __init__(self, tokenizer, change=str, scale=1.0):
        self.tokenizer = tokenizer
        self.change = change
        self.scale = scale

    def translate_with_scores(self, lines):
        texts = [clean_text(line) for line in lines]
        changed = [self.change(text) for text in texts]
        return [
            (new, -1.0 - 0.1 * (new != old))
            for new, old in zip(changed, texts, strict=True)
        ]

    def score(self, sources, targets):
        return [-self.scale * len(target) for target in targets]


class InMemory(Export):
    """The model; what is changed is what it finds second."""

    max_length = 16
    options = DecodingConfig(beam_size=2)

    def translate_with_scores(self, lines, num_best=1):
        texts = [clean_text(line) for line in lines]
        found = [[(t, -1.0), (self.change(t), -1.1)] for t in texts]
        return [best[:num_best] for best in found]


@pytest.fixture(scope="module")
def tokenizer():
    return exported.make_tokenizer()


LINES = [f"one two three four {word}" for word in "five six seven".split()]


def check(
    tokenizer, quantization="float32", lines=LINES, second=str, **changes
):
    return ctranslate2_gate.check(
        Export(tokenizer, **changes),
        InMemory(tokenizer, second),
        quantization,
        lines,
        lines,
    )


def five_is_six(text):
    return text.replace("five", "six")


def test_equal_answers_pass_and_are_counted(tokenizer):
    report = check(tokenizer)
    assert report["identical"] == report["identical_or_tied"] == 1
    assert report["score_difference_largest"] == 0
    assert report["bleu"] == report["bleu_of_model"] == pytest.approx(100)
    assert report["lines"] > len(LINES)


def test_without_lines_made_ones_serve(tokenizer):
    report = check(tokenizer, lines=[])
    assert report["lines"] >= 30 and "bleu" not in report


def test_a_tie_is_no_difference_but_is_told(tokenizer, monkeypatch):
    monkeypatch.setattr(ctranslate2_gate, "_TIE", 0.11)

    def bike_is_cycle(text):  # an odd line: not in the BLEU
        return text.replace("bike", "cycle")

    report = check(tokenizer, change=bike_is_cycle, second=bike_is_cycle)
    assert report["identical"] < 0.95
    assert report["identical_or_tied"] == 1
    # a score alone, of a text that the model does not find, excuses nothing
    with pytest.raises(parity_gate.ParityError, match="lines as the model"):
        check(tokenizer, change=bike_is_cycle)


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"scale": 1.001}, "the largest difference is 0.00"),
        ({"change": lambda text: text or "x"}, "'', which is blank, to 'x'"),
        ({"change": five_is_six}, "lines as the model does"),
    ],
)
def test_differences_fail(tokenizer, changes, reason):
    with pytest.raises(parity_gate.ParityError, match=reason):
        check(tokenizer, **changes)


@pytest.mark.parametrize("quantization", ["float32", "float16", "int8"])
def test_blank_lines_stay_blank_however_many_others_there_are(
    tokenizer, quantization
):
    with pytest.raises(parity_gate.ParityError, match="which is blank, to 'x'"):
        check(
            tokenizer,
            quantization,
            LINES * 67,
            change=lambda text: text or "x",
        )


def test_few_changed_lines_fail_by_bleu(tokenizer):
    lines = LINES[1:] * 60 + LINES[:1]
    with pytest.raises(parity_gate.ParityError, match="BLEU on"):
        check(tokenizer, lines=lines, change=lambda x: x.replace("five", "a"))


def test_rounded_weights_may_differ_within_their_bounds(tokenizer):
    changes = {"change": five_is_six, "scale": 1.001}
    report = check(tokenizer, "int8", LINES[1:], **changes)
    assert report["score_difference_mean"] > 0
    with pytest.raises(parity_gate.ParityError, match="int8.*BLEU"):
        check(tokenizer, "int8", **changes)
    with pytest.raises(parity_gate.ParityError, match="the mean difference"):
        check(tokenizer, "int8", scale=1.1)


def test_a_score_that_is_no_number_fails(tokenizer):
    with pytest.raises(parity_gate.ParityError, match="is nan, more than"):
        check(tokenizer, scale=float("nan"))
