"""Where the page's API key comes from."""

from pathlib import Path

import pytest

from predictiondex.secret import SecretError, secret


def test_a_variable_or_a_file_gives_the_value(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("s3cret\n")
    assert secret({"API_KEY": "k"}, "API_KEY") == "k"
    assert secret({"API_KEY": "", "API_KEY_FILE": str(file)}, "API_KEY") == "s3cret"
    assert secret({"API_KEY": ""}, "API_KEY") is None
    assert secret({}, "API_KEY") is None


def test_what_is_wrong_is_named_and_the_value_is_not(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("s3cret")
    with pytest.raises(SecretError, match="both API_KEY and API_KEY_FILE are set") as refused:
        secret({"API_KEY": "k", "API_KEY_FILE": str(file)}, "API_KEY")
    assert "s3cret" not in str(refused.value)
    with pytest.raises(SecretError, match="No such file"):
        secret({"API_KEY_FILE": str(tmp_path / "absent")}, "API_KEY")
    file.write_text("\n")
    with pytest.raises(SecretError, match="which is empty"):
        secret({"API_KEY_FILE": str(file)}, "API_KEY")
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SecretError, match="it is not text"):
        secret({"API_KEY_FILE": str(file)}, "API_KEY")
