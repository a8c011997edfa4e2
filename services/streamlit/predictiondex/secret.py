"""Secrets from variables, or from the files that variables name. Knows nothing of Streamlit."""

from collections.abc import Mapping
from pathlib import Path


class SecretError(Exception):
    """A secret that cannot be had; the words name the variable and never the value."""


def secret(environment: Mapping[str, str], name: str) -> str | None:
    """The value of NAME, or the content of the file NAME_FILE without the line break at its end; both is a contradiction."""
    value, path = environment.get(name), environment.get(f"{name}_FILE")
    if value and path:
        raise SecretError(f"both {name} and {name}_FILE are set: unset one of them")
    if not path:
        return value or None
    try:
        text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SecretError(f"{name}_FILE is {path!r}, which cannot be read: {reason}") from error
    if not text:
        raise SecretError(f"{name}_FILE is {path!r}, which is empty")
    return text
