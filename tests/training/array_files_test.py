"""Files of arrays: equal when read, damage noticed, no code inside."""

import errno
import hashlib
import os

import numpy as np
import pytest

from shared_transformer_tf.errors import InputError
from shared_transformer_tf.training import array_files

ARRAYS = {
    "a/b/kernel": np.arange(6, dtype="float32").reshape(2, 3),
    "empty": np.zeros([0, 3], "float32"),
    "scalar": np.array(7, "int64"),
    "flag": np.array([True, False]),
}


def test_arrays_come_back_with_names_types_and_shapes(tmp_path):
    path = str(tmp_path / "some.npz")
    checksum = array_files.write_arrays(path, ARRAYS)
    array_files.verify(path, checksum)
    read = array_files.read_arrays(path, checksum)
    assert read.keys() == ARRAYS.keys()
    for name, value in ARRAYS.items():
        assert read[name].dtype == value.dtype
        np.testing.assert_array_equal(read[name], value)


def test_checksum_is_the_sha256_of_the_file(tmp_path):
    path = tmp_path / "some.npz"
    checksum = array_files.write_arrays(str(path), ARRAYS)
    assert checksum == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_name_is_kept_as_it_was_given(tmp_path):
    array_files.write_arrays(str(tmp_path / "weights"), ARRAYS)
    assert os.listdir(tmp_path) == ["weights"]


@pytest.mark.parametrize("position", [0, 100, -1])
def test_one_changed_bit_is_noticed(position, tmp_path):
    path = tmp_path / "some.npz"
    checksum = array_files.write_arrays(str(path), ARRAYS)
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    for read in (array_files.verify, array_files.read_arrays):
        with pytest.raises(InputError, match="some.npz is damaged"):
            read(str(path), checksum)


def test_a_file_without_a_checksum_is_not_trusted(tmp_path):
    path = str(tmp_path / "some.npz")
    array_files.write_arrays(path, ARRAYS)
    with pytest.raises(InputError, match="damaged"):
        array_files.read_arrays(path, None)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="absent.npz is missing"):
        array_files.read_arrays(str(tmp_path / "absent.npz"), "00")


def test_what_is_no_archive_of_arrays_is_told_even_with_its_checksum(tmp_path):
    path = tmp_path / "some.npz"
    path.write_bytes(b"PK\x03\x04 and so on")
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(InputError, match="cannot be read"):
        array_files.read_arrays(str(path), checksum)


class Attack:
    """Runs code when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_pickles_are_not_run(tmp_path):
    path, mark = tmp_path / "some.npz", tmp_path / "mark"
    np.savez(path, a=np.array([Attack(str(mark))], dtype=object))
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(InputError, match="cannot be read"):
        array_files.read_arrays(str(path), checksum)
    assert not mark.exists()


def test_a_full_disk_is_an_operating_system_error():
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with pytest.raises(OSError) as caught:
        array_files.write_arrays("/dev/full", ARRAYS)
    assert caught.value.errno in (errno.ENOSPC, errno.ESPIPE, errno.EINVAL)
