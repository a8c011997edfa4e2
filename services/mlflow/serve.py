"""Start the MLflow tracking server in this very process.

`mlflow server` imports MLflow twice, once for its command line and once in the server it spawns. This module does what that
command does, once: make the database if it is missing, bring its schema up to date, then serve. It must not hold logic
of MLflow's own.
"""

import gc
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2 import errors, sql

ARTIFACTS = "/app/mlruns"
PORT = 5000
# PostgreSQL may still be starting when Docker restarts the whole stack at once: conditions hold only for `up`.
CONNECT_ATTEMPTS = 60
CONNECT_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Settings:
    """Where the runs are stored and who may ask for them."""

    host: str
    port: int
    user: str
    password: str
    database: str
    allowed_hosts: str

    def __repr__(self) -> str:
        return f"Settings({self.user}@{self.host}:{self.port}/{self.database}, password=***)"

    @property
    def uri(self) -> str:
        return (
            f"postgresql://{quote(self.user, safe='')}:{quote(self.password, safe='')}"
            f"@{self.host}:{self.port}/{quote(self.database, safe='')}"
        )


def secret(environment: Mapping[str, str], name: str) -> str:
    """Read NAME, or the file that NAME_FILE names, without the line break at its end; both at once is a contradiction."""
    value, path = environment.get(name), environment.get(f"{name}_FILE")
    if value and path:
        raise ValueError(f"both {name} and {name}_FILE are set: unset one of them")
    if path:
        try:
            value = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise ValueError(f"{name}_FILE is {path!r}, which cannot be read: {error.strerror}") from error
    if not value:
        raise ValueError(f"{name}_FILE is {path!r}, which is empty" if path else f"{name} is not set")
    return value


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read the settings, or raise a ValueError that names the variable and its value."""
    port = environment.get("POSTGRES_PORT") or "5432"
    if not port.isdecimal():
        raise ValueError(f"POSTGRES_PORT is {port!r}, not a port number")
    password = secret(environment, "POSTGRES_PASSWORD")
    return Settings(
        host=environment.get("POSTGRES_HOST") or "db",
        port=int(port),
        user=environment.get("POSTGRES_USER") or "letsgo_user",
        password=password,
        database=environment.get("MLFLOW_DB") or "mlflow",
        allowed_hosts=environment.get("MLFLOW_ALLOWED_HOSTS") or "mlflow:*,mlflow,localhost:*,127.0.0.1:*,localhost,127.0.0.1",
    )


def connect(settings: Settings, database: str) -> "psycopg2.extensions.connection":
    """Connect, waiting for a server that is still starting; a wrong password or database is final at once."""
    for attempt in range(1, CONNECT_ATTEMPTS + 1):
        try:
            return psycopg2.connect(
                host=settings.host,
                port=settings.port,
                user=settings.user,
                password=settings.password,
                dbname=database,
                connect_timeout=5,
            )
        except psycopg2.OperationalError as error:
            words = str(error)
            final = "password authentication" in words or "does not exist" in words
            if final or attempt == CONNECT_ATTEMPTS:
                raise
            time.sleep(CONNECT_PAUSE_SECONDS)
    raise AssertionError("the last attempt returns or raises")


def ensure_database(settings: Settings) -> None:
    """Make the database when an older volume lacks it; two servers doing so at once is fine."""
    try:
        connect(settings, settings.database).close()
        return
    except psycopg2.OperationalError as error:
        if "does not exist" not in str(error):
            raise
    connection = connect(settings, "postgres")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(settings.database)))
    except (errors.DuplicateDatabase, errors.UniqueViolation):
        pass
    finally:
        connection.close()


def serve(settings: Settings) -> None:
    """Tell MLflow through its variables what its command line would, then run its application."""
    # MLflow reads these when it is imported, hence the late imports. The names are those of mlflow.server.constants.
    os.environ.update(
        {
            "_MLFLOW_SERVER_FILE_STORE": settings.uri,
            "_MLFLOW_SERVER_REGISTRY_STORE": settings.uri,
            "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": ARTIFACTS,
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
            "_MLFLOW_SGI_NAME": "uvicorn",
            "MLFLOW_SERVER_ALLOWED_HOSTS": settings.allowed_hosts,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
    )
    # What is imported now lives as long as the process: looking for garbage in it is a quarter of the start-up time.
    gc.disable()
    import uvicorn
    from mlflow.server.fastapi_app import app
    from mlflow.server.handlers import initialize_backend_stores

    initialize_backend_stores(settings.uri, settings.uri, "mlflow-artifacts:/")
    gc.freeze()
    gc.enable()
    uvicorn.run(app, host="0.0.0.0", port=PORT, log_level="info", access_log=False)


def main() -> int:
    try:
        settings = settings_from(os.environ)
    except ValueError as error:
        print(f"error: mlflow: {error}", file=sys.stderr)
        return 2
    try:
        ensure_database(settings)
    except psycopg2.Error as error:
        print(f"error: mlflow: database {settings.host}:{settings.port}: {str(error).strip()}", file=sys.stderr)
        return 1
    serve(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
