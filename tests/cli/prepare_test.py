from shared_transformer_tf.cli import prepare


def test_files_are_told_with_lines_and_tokens(tmp_path, capsys):
    for language in ("en", "de"):
        (tmp_path / f"val.{language}").write_text("A bus.\n")
    folders = [f"--source={tmp_path}", f"--output={tmp_path / 'tokens'}"]
    assert prepare.main(["prepare", *folders, "--splits=val"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == ["val.en: 1 lines, 3 tokens", "val.de: 1 lines, 3 tokens"]
    assert (tmp_path / "tokens" / "val.en").read_text() == "a bus .\n"


def test_what_is_missing_is_told(tmp_path, capsys):
    folders = [f"--source={tmp_path}", f"--output={tmp_path / 'tokens'}"]
    assert prepare.main(["prepare", *folders]) == 1
    assert "neither train.en nor train.en.gz" in capsys.readouterr().err
