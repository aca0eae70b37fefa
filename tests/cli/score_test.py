"""`score` answers each pair of lines with one number."""

from shared_transformer_tf.cli import score

HARD_LINES = b"\n a b \n\xff\xfe\n\t\n\xe2\x80\xa8x\ny\rz\nlast"


def write(path, data):
    path.write_bytes(data)
    return str(path)


def test_score_answers_every_line(fake_run, tmp_path, capfdbinary):
    source = write(tmp_path / "source", HARD_LINES)
    target = write(tmp_path / "target", HARD_LINES + b"\n")
    flags = ["--workdir=r", f"--source={source}", f"--target={target}"]
    assert score.main(["score", *flags]) == 0
    out = capfdbinary.readouterr().out.splitlines()
    assert len(out) == 7
    assert out[:2] == [b"-0.000000", b"-10.000000"]


def test_score_refuses_unequal_counts(fake_run, tmp_path, capsys):
    source = write(tmp_path / "source", b"a\nb\n")
    target = write(tmp_path / "target", b"a\n")
    flags = ["--workdir=r", f"--source={source}", f"--target={target}"]
    assert score.main(["score", *flags]) == 1
    err = capsys.readouterr().err
    assert "has 2 lines" in err and err.count("\n") == 1
    flags[-1] = "--target=absent.txt"
    assert score.main(["score", *flags]) == 1
    assert "absent.txt" in capsys.readouterr().err


def test_chunks_are_scored_in_order(fake_run, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(score, "_CHUNK_LINES", 2)
    text = b"".join(b"x" * length + b"\n" for length in range(5))
    source = write(tmp_path / "source", text)
    flags = ["--workdir=r", f"--source={source}", f"--target={source}"]
    assert score.main(["score", *flags]) == 0
    printed = [float(line) for line in capfd.readouterr().out.splitlines()]
    assert printed == [-2.0 * length for length in range(5)]


def test_empty_files_give_no_lines(fake_run, tmp_path, capfd):
    empty = write(tmp_path / "empty", b"")
    flags = ["--workdir=r", f"--source={empty}", f"--target={empty}"]
    assert score.main(["score", *flags]) == 0
    assert capfd.readouterr().out == ""


def test_each_missing_flag_is_named(capsys):
    for given, missing in (
        ([], "--workdir"),
        (["--workdir=r"], "--source"),
        (["--workdir=r", "--source=s"], "--target"),
    ):
        assert score.main(["score", *given]) == 1
        assert f"{missing} is missing" in capsys.readouterr().err
