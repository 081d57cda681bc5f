"""Checks a compose file against the specification's schema, offline, and prints it as JSON with its anchors resolved."""

import json
import subprocess
import sys

from ruamel.yaml import YAML

path = sys.argv[1]
check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", path]
done = subprocess.run(check, capture_output=True, text=True)
if done.returncode != 0:
    sys.exit(done.stdout + done.stderr)
with open(path, encoding="utf-8") as file:
    json.dump(YAML(typ="safe").load(file), sys.stdout)
