"""Versions come, go, fail and are gone back to, under load."""

import concurrent.futures
import os
import shutil
import threading
import time

import pytest

from shared_transformer_tf import errors
from shared_transformer_tf.serving import version_folder
from tests.serving import running as running_lib
from tests.serving import toy


def tag(server):
    status, answer = server.predict({"instances": ["a"]})
    assert status == 200, answer
    return answer["predictions"][0].removeprefix("A|")


def states(server):
    _, _, answer = server.http("GET", "/v1/models/translator")
    return {
        state["version"]: (state["state"], state["status"]["error_message"])
        for state in answer["model_version_status"]
    }


def add(versions, folder, name):
    """Copies under another name, then renames, as `export` does."""
    shutil.copytree(versions / "2", folder / ".unfinished")
    os.rename(folder / ".unfinished", folder / name)


def scan(server, times=2):
    """Looks twice, as what is new may be being copied at the first look."""
    for _ in range(times):
        server.call(server.server.manager.scan())


def settle(server):
    """Waits until dropped versions are gone."""

    async def wait():
        for task in list(server.server.manager._retiring):
            await task

    server.call(wait())


def test_a_new_version_takes_over_without_a_failed_request(versions, own_model):
    stop = threading.Event()
    answers = []

    def ask(server):
        while not stop.is_set():
            answers.append(server.predict({"instances": ["a", "b"]}))

    flags = {"poll_seconds": 0.05}
    with (
        running_lib.threaded(own_model, **flags) as server,
        concurrent.futures.ThreadPoolExecutor(4) as threads,
    ):
        futures = [threads.submit(ask, server) for _ in range(4)]
        try:
            for number in (2, 3, 4):
                add(versions, own_model, str(number))
                while states(server).get(str(number), "")[0:1] != (
                    "AVAILABLE",
                ):
                    pass
        finally:
            stop.set()
        for future in futures:
            future.result()
        settle(server)
        assert states(server) == {
            "1": ("END", ""),
            "2": ("END", ""),
            "3": ("END", ""),
            "4": ("AVAILABLE", ""),
        }
        _, _, metrics = server.http("GET", "/metrics")
        assert b"translation_model_version 4.0" in metrics
    assert {status for status, _ in answers} == {200}
    # Never two versions in one answer.
    assert {tuple(answer["predictions"]) for _, answer in answers} == {
        ("A|1", "B|1"),
        ("A|2", "B|2"),
    }


def break_graph(folder):
    (folder / "saved_model.pb").write_bytes(b"\x93" * 99)


def break_warmup(folder):
    toy.write_warmup(folder, [{"text": ["fine"]}, {"txt": ["not fine"]}])


def damage_warmup(folder):
    break_warmup(folder)
    path = folder / "assets.extra/tf_serving_warmup_requests"
    path.write_bytes(path.read_bytes()[:-3])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_graph, "cannot be loaded"),
        (break_warmup, "Warm-up request 2"),
        (damage_warmup, "Warm-up request 2"),
    ],
)
def test_a_version_that_fails_is_told_and_the_old_one_stays(
    damage, message, versions, own_model, tmp_path, monkeypatch
):
    with running_lib.threaded(own_model) as server:
        broken = shutil.copytree(versions / "2", tmp_path / "broken")
        damage(broken)
        os.rename(broken, own_model / "2")
        scan(server)
        assert tag(server) == "1"
        state, error = states(server)["2"]
        assert state == "END" and message in error
        assert str(own_model / "2") in error and "or remove it." in error
        _, _, metrics = server.http("GET", "/metrics")
        assert b'translation_model_loads_total{result="failed"} 1' in metrics
        status, _ = server.predict({"instances": ["a"]}, rest="/versions/2")
        assert status == 404

        def load(version):
            raise AssertionError("tried again")

        with monkeypatch.context() as patch:
            patch.setattr(server.server.manager, "_load", load)
            scan(server)
        shutil.rmtree(own_model / "2")
        add(versions, own_model, "2")  # mended, under the same number
        scan(server)
        assert tag(server) == "2"


def test_a_version_that_is_copied_slowly_is_served_when_it_is_there(
    versions, own_model
):
    copy = own_model / "2"
    with running_lib.threaded(own_model) as server:
        copy.mkdir()
        shutil.copy(versions / "2" / "saved_model.pb", copy)
        scan(server)  # a pause between two files, longer than a poll
        assert "cannot be loaded" in states(server)["2"][1]
        (copy / "variables").mkdir()
        for part in sorted((versions / "2" / "variables").iterdir()):
            scan(server, times=1)
            assert tag(server) == "1"
            shutil.copy2(part, copy / "variables")
        # Late, too, and not one that may be left out.
        scan(server, times=1)
        toy.write_warmup(copy, [{"txt": ["not fine"]}])
        scan(server)
        assert "Warm-up request 1" in states(server)["2"][1]
        toy.write_warmup(copy, [{"text": ["fine"]}])
        scan(server, times=1)
        assert tag(server) == "1"
        scan(server, times=1)
        assert tag(server) == "2"


def test_warmup_is_replayed_before_a_version_serves(own_model):
    toy.write_warmup(own_model / "1", [{"text": ["a"]}] * 3, "nbest")
    with running_lib.threaded(own_model) as server:
        assert tag(server) == "1"


def test_newest_is_served_and_taking_it_away_goes_back(
    versions, own_model, tmp_path
):
    add(versions, own_model, "12")
    (own_model / "99").mkdir()  # holds no graph
    (own_model / "v3").mkdir()
    with running_lib.threaded(own_model) as server:
        assert tag(server) == "2"
        shutil.rmtree(own_model / "12")
        scan(server)
        assert tag(server) == "1"
        os.rename(own_model / "1", tmp_path / "kept")
        scan(server)
        assert tag(server) == "1"  # better the old one than none


def test_watching_goes_on_after_a_bug_which_is_logged_once(
    versions, own_model, caplog, monkeypatch
):
    find = version_folder.find
    looks = []

    def fail(*told):
        looks.append(told)
        if len(looks) <= 3:
            raise RuntimeError("a bug")
        return find(*told)

    with running_lib.threaded(own_model, poll_seconds=0.01) as server:
        with monkeypatch.context() as patch:
            patch.setattr(version_folder, "find", fail)
            add(versions, own_model, "2")
            end = time.monotonic() + 10
            while tag(server) != "2" and time.monotonic() < end:
                time.sleep(0.01)
        assert tag(server) == "2"
    told = [x for x in caplog.records if x.msg == "scan_failed"]
    assert len(told) == 1 and told[0].exc_info
    assert len(looks) > 3


def test_a_number_that_no_message_holds_is_no_version(
    versions, own_model, caplog
):
    too_large = str(2**63)
    with running_lib.threaded(own_model) as server:
        add(versions, own_model, too_large)
        add(versions, own_model, "99999999999999999999")
        scan(server)
        assert tag(server) == "1"
        assert set(states(server)) == {"1"}
        add(versions, own_model, str(2**63 - 1))
        scan(server)
        with server.grpc() as stubs:
            spec = {"text": ["a"]}
            found = stubs.predict(spec, version=2**63 - 1)
            assert found["translation"] == [b"A|2"]
        path = f"/versions/{2**63 - 1}"
        status, _ = server.predict({"instances": ["a"]}, rest=path)
        assert status == 200
    told = [x.facts["path"] for x in caplog.records if x.msg == "ignored"]
    assert len(told) == 2 and any(x.endswith(too_large) for x in told)
    shutil.rmtree(own_model / "1")
    shutil.rmtree(own_model / str(2**63 - 1))
    with pytest.raises(errors.InputError, match="above 9223372036854775807"):
        version_folder.check(str(own_model))


def test_a_broken_newest_version_at_start_falls_back(versions, own_model):
    add(versions, own_model, "2")
    break_graph(own_model / "2")
    with running_lib.threaded(own_model) as server:
        assert tag(server) == "1"
    break_graph(own_model / "1")
    with pytest.raises(errors.InputError, match="2 cannot be loaded"):
        running_lib.Threaded(own_model)


def test_a_stopping_server_answers_what_it_accepted(own_model):
    server = running_lib.Threaded(own_model, max_wait_ms=500.0)
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        future = threads.submit(server.predict, {"instances": ["a"]})
        while b"queue_rows 1.0" not in server.http("GET", "/metrics")[2]:
            pass
        server.stop()
        assert future.result() == (200, {"predictions": ["A|1"]})
    with pytest.raises(ConnectionError):
        server.http("GET", "/healthz")


def test_folders_are_found(versions, tmp_path):
    for name in ("3", "10", "1_0", "\uff11", "x"):
        shutil.copytree(versions / "1", tmp_path / name)
    numbers = [version.number for version in version_folder.find(tmp_path)]
    assert numbers == [10, 3]
    for folder, message in (
        (tmp_path / "none", "no folder"),
        (tmp_path / "3", "one version"),
        (tmp_path / "3" / "variables", "holds no version"),
    ):
        with pytest.raises(errors.InputError, match=message):
            version_folder.check(str(folder))
