"""Where the toolkit keeps what it keeps."""

from pathlib import Path

import pytest

from toolkit._files import user_folder


def test_a_variable_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_DATA", str(tmp_path))
    assert user_folder("TOOLKIT_DATA") == tmp_path


def test_without_a_home_a_temporary_folder_is_used_and_named(monkeypatch):
    def fail():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("TOOLKIT_DATA", raising=False)
    monkeypatch.setattr(Path, "home", fail)
    with pytest.warns(UserWarning, match="there is no home folder, so .* is used: set TOOLKIT_DATA to use another one"):
        assert user_folder("TOOLKIT_DATA").name == "toolkit"
