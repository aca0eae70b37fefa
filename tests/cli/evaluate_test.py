"""`evaluate` measures what it was asked to measure."""

import json

from shared_transformer_tf.cli import evaluate


def write(path, data):
    path.write_bytes(data)
    return str(path)


def test_evaluate_prints_scores_and_json(fake_run, tmp_path, capsys):
    source = write(tmp_path / "s", b"one two three four\nfive six\n")
    reference = write(tmp_path / "r", b"ONE TWO THREE FOUR\nother\n")
    flags = ["--workdir=r", f"--source={source}", f"--reference={reference}"]
    assert evaluate.main(["evaluate", "--json", *flags]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["exact"] == 50.0
    assert (result["sentences"], result["tokens"]) == (2, 6)
    assert {"bleu", "chrf", "ter", "signatures", "seconds"} <= set(result)
    assert evaluate.main(["evaluate", *flags]) == 0
    out = capsys.readouterr().out
    assert "BLEU" in out and "tok:13a" in out and "50.00" in out
    assert "look at chrF" not in out


def test_a_bleu_that_cannot_but_be_0_is_explained(fake_run, tmp_path, capsys):
    source = write(tmp_path / "s", b"one\ntwo\n")
    reference = write(tmp_path / "r", b"ONE\nTWO\n")
    flags = ["--workdir=r", f"--source={source}", f"--reference={reference}"]
    assert evaluate.main(["evaluate", *flags]) == 0
    assert "no reference has as many" in capsys.readouterr().out


def test_tokens_are_not_words_between_spaces(fake_run, tmp_path, capsys):
    source = write(tmp_path / "s", b"one two\n")
    reference = write(tmp_path / "r", b"Well, one!\n")
    flags = ["--workdir=r", f"--source={source}", f"--reference={reference}"]
    for tokenize, told in (("13a", 0), ("zh", 0), ("char", 0), ("none", 1)):
        argv = ["evaluate", *flags, f"--tokenize={tokenize}"]
        assert evaluate.main(argv) == 0
        assert ("no reference has" in capsys.readouterr().out) == told
    write(tmp_path / "r", "c'est l'été,".encode())  # three tokens of 13a
    assert evaluate.main(["evaluate", *flags]) == 0
    assert "no reference has" in capsys.readouterr().out


def test_evaluate_takes_the_test_split(fake_run, capsys):
    fake_run.config.data.numbers_test = 30
    assert evaluate.main(["evaluate", "--workdir=r", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sentences"] == 30


def test_evaluate_wants_both_files(fake_run, capsys):
    assert evaluate.main(["evaluate", "--workdir=r", "--source=x"]) == 1
    assert "go together" in capsys.readouterr().err


def test_search_flags_reach_the_translator(fake_run, capsys):
    argv = ["evaluate", "--workdir=r", "--json", "--beam_size=2"]
    fake_run.config.data.numbers_test = 3
    assert evaluate.main(argv) == 0
    (options,) = fake_run.asked
    assert options.beam_size == 2
    assert json.loads(capsys.readouterr().out)["checkpoint"] == "average"


def test_unequal_files_are_refused(fake_run, tmp_path, capsys):
    source = write(tmp_path / "s", b"one\ntwo\n")
    reference = write(tmp_path / "r", b"eins\n")
    flags = ["--workdir=r", f"--source={source}", f"--reference={reference}"]
    assert evaluate.main(["evaluate", *flags]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "has 2 lines but" in captured.err


def test_tokens_of_the_text_can_be_those_that_bleu_counts(fake_run, capsys):
    fake_run.config.data.numbers_test = 3
    argv = ["evaluate", "--workdir=r", "--json", "--tokenize=none"]
    assert evaluate.main(argv) == 0
    result = json.loads(capsys.readouterr().out)
    assert "tok:none" in result["signatures"]["bleu"]
