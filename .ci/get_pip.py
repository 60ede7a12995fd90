"""Install pip from the package index into the environment of this Python, for systems whose venv comes without it."""

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

INDEX = "https://pypi.org/simple/pip/"

with tempfile.TemporaryDirectory() as folder:
    request = urllib.request.Request(INDEX, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(request) as answer:
        wheels = [file for file in json.load(answer)["files"] if file["filename"].endswith(".whl")]
    wheel = max(wheels, key=lambda file: file["upload-time"])
    path = Path(folder, wheel["filename"])
    urllib.request.urlretrieve(wheel["url"], path)
    sys.exit(subprocess.call([sys.executable, path / "pip", "install", "--quiet", "--no-index", path]))
