"""A model of ours behind the server answers as the one in memory."""

import concurrent.futures

import pytest

from shared_transformer_tf.decoding import translator
from shared_transformer_tf.export import parity_gate, saved_model
from shared_transformer_tf.serving import call_options, client
from tests.export import exported
from tests.serving import running as running_lib

LINES = [*exported.TRICKY, *exported.VARIED]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server of an untrained model, and that model's translations."""
    folder = tmp_path_factory.mktemp("export")
    tokenizer = exported.make_tokenizer()
    model = exported.make_model(tokenizer)
    with pytest.MonkeyPatch.context() as patch:
        # The gate has tests of its own.
        patch.setattr(parity_gate, "check", lambda *arguments: [])
        saved_model.export_saved_model(
            model, tokenizer, folder, exported.OPTIONS, exported.MAX_LENGTH
        )
    translate = translator.Translator(
        model, tokenizer, exported.OPTIONS, exported.MAX_LENGTH
    )
    expected = dict(zip(LINES, translate(LINES), strict=True))
    assert len(set(expected.values())) > 4
    with running_lib.threaded(folder) as server:
        yield server, expected


def test_clients_at_once_get_their_own_translations(served):
    server, expected = served

    def ask(line):
        return line, server.predict({"instances": [line]})

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        for line, (status, answer) in threads.map(ask, LINES):
            assert status == 200
            assert answer["predictions"] == [expected[line]]


def test_translate_with_the_server(served):
    server, expected = served
    asked = call_options.CallOptions()
    address = f"127.0.0.1:{server.port}"
    translate = client.Client(address, asked, batch_lines=5)
    assert translate(LINES) == [[expected[line]] for line in LINES]
    translate.close()


def test_n_best_and_options_come_from_their_signatures(served):
    server, expected = served
    address = f"127.0.0.1:{server.port}"
    search = exported.OPTIONS
    for asked in (
        {"num_best": 2},
        {"beam_size": search.beam_size, "length_penalty": search.alpha},
    ):
        options = call_options.CallOptions(**asked)
        translate = client.Client(address, options, batch_lines=5)
        found = translate(LINES)
        assert [texts[0] for texts in found] == [expected[x] for x in LINES]
        assert max(map(len, found)) == options.num_best
        assert translate.exported_beams() == search.beam_size
        translate.close()
