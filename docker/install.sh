#!/bin/sh
# Install the product from SOURCE into a virtual environment at TARGET, every package by its locked version and hash:
# sh docker/install.sh SOURCE TARGET. The image runs it, and you can without an image.
set -eu
# An absolute path: pip would take the bare name of a folder for the name of a package
source=$(cd "$1" && pwd) target=$2
"${PYTHON:-python3}" -m venv "$target"
"$target/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes --requirement "$source/docker/requirements.lock"
"$target/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --no-build-isolation "$source"
