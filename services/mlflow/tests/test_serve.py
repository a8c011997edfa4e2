"""The settings of the tracking server; what it does with them is tested on the running stack."""

from pathlib import Path

import pytest

from serve import settings_from

GIVEN = {"POSTGRES_HOST": "h", "POSTGRES_PORT": "1", "POSTGRES_USER": "u@", "POSTGRES_PASSWORD": "p/w:d", "MLFLOW_DB": "m"}


def test_settings_become_an_address() -> None:
    assert settings_from(GIVEN).uri == "postgresql://u%40:p%2Fw%3Ad@h:1/m"


def test_defaults_are_those_of_the_stack() -> None:
    settings = settings_from({"POSTGRES_PASSWORD": "x", "POSTGRES_PORT": ""})
    assert (settings.host, settings.port, settings.user, settings.database) == ("db", 5432, "letsgo_user", "mlflow")
    assert "mlflow:*" in settings.allowed_hosts


def test_the_password_is_not_printed() -> None:
    settings = settings_from({**GIVEN, "POSTGRES_PASSWORD": "hunter2"})
    assert "hunter2" not in repr(settings) + str(settings)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"POSTGRES_PORT": "five"}, "POSTGRES_PORT is 'five'"), ({"POSTGRES_PASSWORD": ""}, "POSTGRES_PASSWORD is not set")],
)
def test_a_wrong_setting_is_named(change: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        settings_from({**GIVEN, **change})


def test_the_password_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    given = {**GIVEN, "POSTGRES_PASSWORD": "", "POSTGRES_PASSWORD_FILE": str(file)}
    assert settings_from(given).password == "s3cret"
    with pytest.raises(ValueError, match="both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE"):
        settings_from({**given, "POSTGRES_PASSWORD": "p"})
    file.write_text("")
    with pytest.raises(ValueError, match="which is empty"):
        settings_from(given)
    file.unlink()
    with pytest.raises(ValueError, match="No such file"):
        settings_from(given)


def test_equal_variables_are_equal_settings() -> None:
    assert settings_from(GIVEN) == settings_from(dict(GIVEN))
