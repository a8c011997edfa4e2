#!/usr/bin/env python3
"""Holds the documents of `pdex audit` against their formats: CycloneDX 1.5 by its own JSON schema (as PyPI's cyclonedx-python-lib
carries it), SARIF 2.1.0 by the typed model of PyPI's sarif-pydantic; the schema itself is in no package.

    python3 tests/audit/formats.py [--pdex PROGRAM]

Runs on the simulated engine, so no Docker is needed; --sbom FILE and --sarif FILE check documents that are there."""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from sarif_pydantic import Sarif

HERE = pathlib.Path(__file__).resolve().parent


def check_sbom(text):
    problem = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    if problem is not None:
        sys.exit(f"not CycloneDX 1.5: {problem}")
    document = json.loads(text)
    return sum(len(image["components"]) for image in document["components"])


def check_sarif(text):
    document = Sarif.model_validate_json(text)
    ids = [rule.id for rule in document.runs[0].tool.driver.rules]
    for result in document.runs[0].results:
        assert ids[result.rule_index] == result.rule_id, result.rule_id
    return len(document.runs[0].results)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pdex", default=HERE.parent.parent / "target/release/pdex")
    parser.add_argument("--sbom", type=pathlib.Path)
    parser.add_argument("--sarif", type=pathlib.Path)
    options = parser.parse_args()
    for path, check in [(options.sbom, check_sbom), (options.sarif, check_sarif)]:
        if path:
            print(f"{path}: {check(path.read_text())}")
    if options.sbom or options.sarif:
        return
    pdex = str(pathlib.Path(options.pdex).resolve())
    with tempfile.TemporaryDirectory() as folder:
        engine = f"--runtime=sim:{folder}/engine.json"
        for file in sorted(HERE.glob("*.yaml")):
            out = pathlib.Path(folder, "found.sarif")
            done = subprocess.run([pdex, "-f", file, "audit", "--offline", "--sarif", out], capture_output=True, text=True)
            if done.returncode not in (0, 7):
                sys.exit(f"{file.name}: exit {done.returncode}\n{done.stderr}")
            check_sarif(out.read_text())
        stack = pathlib.Path(folder, "stack.yaml")
        stack.write_text('name: shop\nservices:\n  web: { image: "web:1.0" }\n  db: { image: "localhost:5000/team/db:2" }\n')
        for arguments in (["up"], ["audit", "--sbom", f"{folder}/parts.json"]):
            done = subprocess.run([pdex, "-f", stack, engine, *arguments], capture_output=True, text=True)
            if done.returncode not in (0, 7):
                sys.exit(f"{arguments}: exit {done.returncode}\n{done.stderr}")
        packages = check_sbom(pathlib.Path(folder, "parts.json").read_text())
    print(f"20 SARIF documents and a parts list with {packages} packages are what they say")


if __name__ == "__main__":
    main()
