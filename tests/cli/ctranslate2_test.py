"""A run, through the commands, to CTranslate2 and back to translations."""

import json
import pathlib

import pytest

from shared_transformer_tf.cli import export, translate
from shared_transformer_tf.export import ctranslate2_gate

LINES = b"one hundred and five\n\n \xff odd \xf0\x9f\x9a\xb2\ntwelve\n"


@pytest.mark.parametrize("quantization", ["float32", "int8"])
def test_export_translates_as_the_run_does(
    quantization, trained, tmp_path, stdin, capsysbinary
):
    output = f"--output={tmp_path / 'out'}"
    # an untrained model has no clear best translation but a greedy one
    flags = [f"--workdir={trained}", "--beam_size=1"]
    form = ["--format=ctranslate2", f"--quantization={quantization}"]
    code = export.main(["export", *flags, *form, output])
    folder = pathlib.Path(capsysbinary.readouterr().out.decode().strip())
    assert (code, folder) == (0, tmp_path / "out" / "1")
    facts = json.loads((folder / "metadata.json").read_text())
    assert facts["check"]["lines"] > 12  # the dev set's are among them
    results = []
    for source in (flags, [f"--model={tmp_path / 'out'}"]):
        stdin(LINES)
        assert translate.main(["translate", *source]) == 0
        results.append(capsysbinary.readouterr().out)
    assert [line == b"" for line in results[1].split(b"\n")] == [
        *(False, True, False, False),
        True,
    ]
    if quantization == "int8":
        found = facts["check"]["score_difference_mean"]
        assert 0 < found <= ctranslate2_gate.BOUNDS["int8"].score
    else:
        assert results[0] == results[1]
