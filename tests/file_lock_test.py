"""A held file keeps others out until its process ends."""

import errno
import subprocess
import sys

import pytest

from shared_transformer_tf import file_lock
from shared_transformer_tf.errors import InputError

HOLD = (
    "import sys\n"
    "from shared_transformer_tf import file_lock\n"
    "with file_lock.held(sys.argv[1], ''):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch, caplog):
    def refuse(stream, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(file_lock.fcntl, "flock", refuse)
    with file_lock.held(str(tmp_path / "lock"), ""):
        assert "cannot be locked (No locks available)" in caplog.text
    monkeypatch.setattr(
        file_lock.fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(5))
    )
    with pytest.raises(OSError), file_lock.held(str(tmp_path / "lock"), ""):
        pass


def test_a_file_is_held_by_one_process_until_it_is_killed(tmp_path):
    path = str(tmp_path / "folder" / "lock")
    command = [sys.executable, "-c", HOLD, path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="Someone is here"):
            with file_lock.held(path, "Someone is here."):
                pass
        with open(path) as stream:
            assert not file_lock.take(stream)
        other.kill()
    with file_lock.waited_for(path):
        pass
    with file_lock.held(path, ""):
        pass
