"""Asking another service for JSON, and what can go wrong with that. Knows neither Streamlit nor any service."""

from enum import Enum
from typing import Any

import requests

CONNECT_SECONDS = 2.0
READ_SECONDS = 10.0


class Service(Enum):
    """Whom the page asks."""

    API = "api"
    MLFLOW = "mlflow"
    PROMETHEUS = "prometheus"


class Failure(Enum):
    """Why there is no answer, as far as a visitor can do something about it."""

    AWAY = "away"
    NOT_READY = "not_ready"
    REFUSED_KEY = "refused_key"
    BUSY = "busy"
    OTHER = "other"


class ServiceError(Exception):
    """No usable answer of `service`; `detail` is what it or the network said, `status` that of HTTP where one came."""

    def __init__(self, service: Service, failure: Failure, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.service = service
        self.failure = failure
        self.detail = detail
        self.status = status


class Web:
    """A connection to one service. Every method raises `ServiceError` and nothing else."""

    def __init__(self, service: Service, base_url: str, key: str | None = None) -> None:
        self.service = service
        self._base_url = base_url.rstrip("/")
        self._session = requests.Session()
        # A service of the same network: proxies and .netrc files have no say.
        self._session.trust_env = False
        if key:
            self._session.headers["X-API-Key"] = key

    def wrong_shape(self, what: str, error: Exception) -> ServiceError:
        """The error for an answer that is not what its contract says."""
        return ServiceError(self.service, Failure.OTHER, f"{what} has an unexpected shape: {error!r}")

    def json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Ask, and read the answer as an object of JSON."""
        try:
            response = self._session.request(method, self._base_url + path, timeout=(CONNECT_SECONDS, READ_SECONDS), **request)
            # Cut off or wrongly encoded answers show here, when the body is read.
            body = response.json()
        except requests.JSONDecodeError:
            body = None
        except requests.RequestException as error:
            words = f"{self._base_url} does not answer ({type(error).__name__})"
            raise ServiceError(self.service, Failure.AWAY, words) from error
        if response.ok and isinstance(body, dict):
            return body
        raise self._refusal(response.status_code, body)

    def _refusal(self, status: int, body: object) -> ServiceError:
        """The error behind a problem document (RFC 9457), an error of MLflow or Prometheus, or whatever stands in its place."""
        said = body if isinstance(body, dict) else {}
        detail = said.get("detail") or said.get("title") or said.get("message") or said.get("error")
        words = f"{status}: {detail}" if detail else f"the answer was {status}"
        match status:
            case 401 | 403:
                failure = Failure.REFUSED_KEY
            case 429:
                failure = Failure.BUSY
            case 502 | 503 | 504:
                failure = Failure.NOT_READY
            case _:
                failure = Failure.OTHER
        return ServiceError(self.service, failure, words, status)
