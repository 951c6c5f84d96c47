#!/bin/sh
# Make the virtual environment, and on Debian as root install the system libraries a window needs.
set -eu
PYTHON="${PYTHON:-python3}"
VENV="${VENV:-.venv}"

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; $("$PYTHON" --version) was found. Set PYTHON=/path/to/python3.11." >&2
    exit 1
}

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    packages="xvfb libgl1 libegl1 libopengl0 libgl1-mesa-dri libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4
        libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-xinerama0 libxcb-shape0 libdbus-1-3"
    missing=""
    for package in $packages; do
        dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        echo "First: system packages that a window needs, by apt-get:$missing"
        apt-get update -q
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
    fi
fi

torch="$(grep '^torch==' constraints.txt)"
echo "Python packages go into the folder $VENV, about 2 GB on disk (torch is a third of it); nothing outside of it is changed."
echo "This takes some minutes the first time, and is not done again."
echo "1 of 3: making $VENV with $("$PYTHON" --version)"
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
"$VENV/bin/python" -m pip install -q --disable-pip-version-check --upgrade "pip>=25.1"
# torch first: the pinned build must be there before another package asks for just any torch.
echo "2 of 3: installing $torch and what it needs"
"$VENV/bin/python" -m pip install --disable-pip-version-check "$torch"
echo "3 of 3: installing napari-pseudolabel with napari, Qt, Dask, and the tools of its tests (about 160 packages)"
"$VENV/bin/python" -m pip install --disable-pip-version-check -c constraints.txt -e . --group dev
echo "Ready: $VENV"
