"""MLflow as this page needs it: the registered versions of the model, and the figures of a run's report."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from predictiondex.web import Failure, Service, ServiceError, Web

VERSIONS_MOST = 20
FOLDER = "report"
REPORT = f"{FOLDER}/report.json"
PROXY = "mlflow-artifacts:/"


@dataclass(frozen=True)
class Version:
    """A registered version of the model and how good its run found it."""

    number: str
    aliases: tuple[str, ...]
    created: datetime
    run: str
    artifacts: str
    model_sha256: str
    log_loss: float | None
    brier: float | None


@dataclass(frozen=True)
class Bin:
    """A part of the calibration curve: what was predicted on average, and the share that was won."""

    predicted: float
    happened: float
    weight: float


@dataclass(frozen=True)
class Report:
    """What the trainer measured, as far as it is drawn here. Importances are shares of the gain."""

    held_out: tuple[Bin, ...]
    unseen: tuple[Bin, ...]
    importances: tuple[tuple[str, float], ...]


class MlflowRegistry:
    """A connection to MLflow. Every method raises `ServiceError` and nothing else."""

    def __init__(self, base_url: str) -> None:
        self._web = Web(Service.MLFLOW, base_url)

    def versions(self, model: str) -> tuple[Version, ...]:
        """The registered versions of a model, the newest first; none where nothing was recorded yet."""
        try:
            registered = self._ask("GET", "registered-models/get", params={"name": model})
        except ServiceError as error:
            if error.status == 404:
                return ()
            raise
        quoted = model.replace("'", "")
        query = {"filter": f"name='{quoted}'", "max_results": VERSIONS_MOST, "order_by": "version_number DESC"}
        found = self._ask("GET", "model-versions/search", params=query).get("model_versions", [])
        try:
            aliases = [(str(item["alias"]), str(item["version"])) for item in registered["registered_model"].get("aliases", [])]
            runs = self._runs([(str(item["source"]), str(item["run_id"])) for item in found])
            return tuple(_version(item, aliases, runs.get(str(item["run_id"]), {})) for item in found)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise self._web.wrong_shape("the registry", error) from error

    def report(self, version: Version) -> Report | None:
        """The figures of the report of a version's run; none of a run from before there were any."""
        # MLflow answers 500 for a file that is not there, so it is asked first.
        listed = self._ask("GET", "artifacts/list", params={"run_id": version.run, "path": FOLDER}).get("files", [])
        try:
            if not any(file["path"] == REPORT for file in listed):
                return None
        except (KeyError, TypeError) as error:
            raise self._web.wrong_shape("the list of files", error) from error
        path = quote(f"{version.artifacts}/{REPORT}", safe="/")
        answer = self._web.json("GET", f"/api/2.0/mlflow-artifacts/artifacts/{path}")
        try:
            calibration = answer["calibration"]
            return Report(
                held_out=_bins(calibration["held_out"]),
                unseen=_bins(calibration["unseen"]),
                importances=tuple((str(item["feature"]), float(item["gain"])) for item in answer["importances"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise self._web.wrong_shape("the report", error) from error

    def _runs(self, sources: list[tuple[str, str]]) -> dict[str, dict[str, Any]]:
        """What is known of runs, by their ids."""
        experiments = sorted({_artifacts(source).partition("/")[0] for source, _ in sources})
        runs = ", ".join(f"'{run}'" for _, run in sources if run.isalnum())
        if not runs:
            return {}
        body = {"experiment_ids": experiments, "filter": f"attributes.run_id IN ({runs})", "max_results": VERSIONS_MOST}
        found = self._ask("POST", "runs/search", json=body).get("runs", [])
        return {str(run["info"]["run_id"]): run.get("data", {}) for run in found}

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        return self._web.json(method, f"/api/2.0/mlflow/{path}", **request)


def served(versions: tuple[Version, ...], sha256: str) -> Version | None:
    """The version whose file the API has loaded."""
    return next((version for version in versions if version.model_sha256 == sha256), None)


def _version(item: dict[str, Any], aliases: list[tuple[str, str]], run: dict[str, Any]) -> Version:
    number = str(item["version"])
    metrics = {entry["key"]: float(entry["value"]) for entry in run.get("metrics", [])}
    tags = {entry["key"]: str(entry["value"]) for entry in run.get("tags", [])}
    return Version(
        number=number,
        aliases=tuple(alias for alias, of in aliases if of == number),
        created=datetime.fromtimestamp(int(item["creation_timestamp"]) / 1000, UTC),
        run=str(item["run_id"]),
        artifacts=_artifacts(str(item["source"])).removesuffix("/model"),
        model_sha256=tags.get("model_sha256", ""),
        log_loss=metrics.get("log_loss"),
        brier=metrics.get("brier"),
    )


def _artifacts(source: str) -> str:
    """Where a version's files are below the server's own artifact root."""
    if not source.startswith(PROXY):
        raise ServiceError(Service.MLFLOW, Failure.OTHER, f"{source} is not kept by MLflow's own server")
    return source.removeprefix(PROXY).strip("/")


def _bins(items: list[dict[str, Any]]) -> tuple[Bin, ...]:
    bins = (Bin(float(item["predicted"]), float(item["happened"]), float(item["weight"])) for item in items)
    return tuple(part for part in bins if part.weight > 0)
