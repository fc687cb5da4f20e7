#!/bin/sh
# install.sh ENVIRONMENT REQUIREMENTS [...]: what they need, in the versions of lock.txt, each file checked against hashes.txt.
# pip first says what it would install; then it installs exactly that, and only files whose hash is known. Wheels alone: building
# a source archive would run it before anybody has checked it.
set -eu
pip=$1/bin/pip
shift
"$pip" install --quiet --dry-run --ignore-installed --only-binary :all: --report report.json -c lock.txt "$@"
python3 requirements.py --hashed report.json >resolved.txt
"$pip" install --quiet --no-deps --only-binary :all: --require-hashes -r resolved.txt
