#!/usr/bin/env python3
"""Runs pdex and PyPI's compose-lint on the definitions of this folder and lists what each finds, rule by rule.

    python3 tests/audit/compare.py [--pdex PROGRAM] [--compose-lint PROGRAM] [--markdown]

Every finding of compose-lint has to be found by pdex at the same service, by the rule that stands for its rule below, or to be
among the exceptions, each with its reason. Exits with 1 where one is neither. PyPI's compose-lint 0.36.2 has 27 rules.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

# Their rule → ours; any of them counts.
RULES = {
    "CL-0001": ["audit/engine-socket"],
    "CL-0002": ["audit/privileged"],
    "CL-0003": ["audit/new-privileges"],
    "CL-0004": ["audit/image-tag"],
    "CL-0005": ["audit/port-exposed"],
    "CL-0006": ["audit/capabilities-kept"],
    "CL-0007": ["audit/writable-root"],
    "CL-0008": ["audit/host-namespace"],
    "CL-0009": ["audit/profile-disabled"],
    "CL-0010": ["audit/host-namespace"],
    "CL-0011": ["audit/capability-added"],
    "CL-0013": ["audit/host-path"],
    "CL-0014": ["audit/no-logs"],
    "CL-0016": ["audit/device"],
    "CL-0017": ["audit/shared-propagation"],
    "CL-0018": ["audit/root-user"],
    "CL-0019": ["audit/image-digest"],
    "CL-0020": ["audit/secret-literal", "audit/secret-in-environment"],
    "CL-0021": ["audit/secret-in-url"],
    "CL-0022": ["audit/tmpfs-options"],
    "CL-0024": ["audit/capability-added"],
    "CL-0025": ["audit/host-path-writable"],
    "CL-0026": ["audit/no-memory-limit", "audit/no-cpu-limit"],
    "CL-0027": ["audit/capability-added"],
    "CL-0028": ["audit/capability-added"],
    "CL-0029": ["audit/capability-added"],
    "CL-0030": ["audit/capability-added"],
}

# Their rule → when it does not apply to a service that pdex found these rules in, and why.
EXCEPTIONS = {
    "CL-0006": (lambda file, found: "audit/privileged" in found, "a privileged container has every capability whatever it drops"),
    "CL-0019": (
        lambda file, found: file.stem == "11-secrets",
        "an image that is built here is in no registry, and has no digest before somebody pushes it",
    ),
}


def ours(program, file):
    done = subprocess.run(
        [program, "-f", file, "audit", "--offline", "--json"], capture_output=True, text=True, cwd=HERE, env={"PATH": "/usr/bin:/bin"}
    )
    if done.returncode not in (0, 7):
        sys.exit(f"pdex on {file.name}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)["findings"]


def theirs(program, file):
    done = subprocess.run([program, "check", "--format", "json", file.name], capture_output=True, text=True, cwd=HERE)
    if done.returncode not in (0, 1):
        sys.exit(f"compose-lint on {file.name}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)["findings"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pdex", default=HERE.parent.parent / "target/release/pdex")
    parser.add_argument("--compose-lint", default="compose-lint")
    parser.add_argument("--markdown", action="store_true", help="the table alone, as the documentation has it")
    options = parser.parse_args()
    rows, missed, explained = [], [], collections.Counter()
    for file in sorted(HERE.glob("*.yaml")):
        mine, their = ours(str(pathlib.Path(options.pdex).resolve()), file), theirs(options.compose_lint, file)
        # By service and rule, as often as it is found: two sockets are two findings.
        counts = collections.Counter((finding["service"], finding["rule"]) for finding in mine)
        asked = collections.defaultdict(list)
        for finding in their:
            asked[finding["service"], tuple(RULES[finding["rule_id"]])].append(finding)
        both, covered = 0, set()
        for (service, same), findings in asked.items():
            rule = findings[0]["rule_id"]
            have = sum(counts[service, name] for name in same)
            covered |= {(service, name) for name in same}
            both += min(have, len(findings))
            found = {name for (of, name) in counts if of == service}
            for finding in findings[have:]:
                if rule in EXCEPTIONS and EXCEPTIONS[rule][0](file, found):
                    explained[EXCEPTIONS[rule][1]] += 1
                else:
                    missed.append(f"{file.name}: {service}: {rule} line {finding['line']}: {finding['message']}")
        alone = [f for f in mine if (f["service"], f["rule"]) not in covered]
        rows.append((file.stem, len(their), both, len(mine), len(alone), alone))
    head = "| file | compose-lint finds | pdex has of these | pdex finds | of these compose-lint has not |\n|---|---:|---:|---:|---:|"
    print(head)
    for name, their, both, mine, alone, _ in rows:
        print(f"| {name} | {their} | {both} | {mine} | {alone} |")
    print("| **all** | {} | {} | {} | {} |".format(*(sum(row[i] for row in rows) for i in range(1, 5))))
    if not options.markdown:
        print("\nWhat pdex alone finds:")
        counts = collections.Counter(f["rule"] for row in rows for f in row[5])
        for rule, count in sorted(counts.items()):
            print(f"  {rule}: {count}")
        print("\nNot said by pdex, with the reason:")
        for why, count in explained.items():
            print(f"  {count}: {why}")
        for line in missed:
            print(f"MISSED {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
