#!/bin/sh
# Installs canceld on a host, or an upgrade over what is there: an environment of its own under PREFIX, the units, the
# user, folders, a sample configuration. `make install` runs it. It starts and restarts nothing, and changes no
# configuration. With DESTDIR all of it goes below another root, as packagers want it, and the host is not touched.
# Named as arguments, single steps of it are run: build, swap, files, host.
set -eu
umask 022 # the service's user reads what root installs

DESTDIR=${DESTDIR:-}
PREFIX=${PREFIX:-/opt/canceld}
SYSCONFDIR=${SYSCONFDIR:-/etc}
LIBDIR=${LIBDIR:-/usr/local/lib}
SHAREDIR=${SHAREDIR:-/usr/local/share}
BINDIR=${BINDIR:-/usr/local/bin}
here=$(cd "$(dirname "$0")/.." && pwd)
stage=$DESTDIR$PREFIX.new

fail() {
    printf 'install: %s\n' "$*" >&2
    exit 1
}

# The unit sees neither /root nor /home (ProtectHome=): what lies there would be missing when it starts.
case $PREFIX in
/root/* | /home/*) fail "a hardened unit does not see $PREFIX: choose another PREFIX" ;;
esac

python() {
    for candidate in ${PYTHON:-/usr/bin/python3 /usr/bin/python3.13 /usr/bin/python3.12 /usr/bin/python3.11}; do
        "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        case $("$candidate" -c 'import os, sys; print(os.path.realpath(sys.base_prefix))') in
        /root | /root/* | /home | /home/*) continue ;;
        esac
        echo "$candidate"
        return
    done
    fail "no Python >= 3.11 with its venv module outside of /root and /home;" \
        "install one (Debian, Ubuntu: apt install python3-venv), or name it: PYTHON=/path/to/python3"
}

# The environment, made aside.
build() {
    chosen=$(python)
    rm -rf "$stage"
    mkdir -p "$(dirname "$stage")"
    "$chosen" -m venv "$stage"
    set -- "$stage/bin/python" -m pip install --quiet --quiet --no-compile \
        --disable-pip-version-check --root-user-action=ignore
    "$@" --require-hashes --requirement "$here/requirements.lock"
    "$@" --no-deps --no-build-isolation "$here"
    for script in canceld cancelctl; do # their first line names the place where they were made
        sed -i "1s|^#!.*|#!$PREFIX/bin/python|" "$stage/bin/$script"
    done
    "$stage/bin/python" -m compileall -q -j 0 -s "$stage" -p "$PREFIX" "$stage/lib" >/dev/null
    chmod -R go=u-w "$stage"
}

# Put in place by a rename, so that nothing ever sees half of it; a running daemon goes on with what it has loaded. The
# version before stays as PREFIX.old, for the way back.
swap() {
    rm -rf "$DESTDIR$PREFIX.old"
    [ ! -e "$DESTDIR$PREFIX" ] || mv "$DESTDIR$PREFIX" "$DESTDIR$PREFIX.old"
    mv "$stage" "$DESTDIR$PREFIX"
    mkdir -p "$DESTDIR$BINDIR"
    ln -sf "$PREFIX/bin/canceld" "$PREFIX/bin/cancelctl" "$DESTDIR$BINDIR/"
}

# put SOURCE TARGET: a file of ours, replaced by an upgrade. It may name the default PREFIX and SHAREDIR.
put() {
    install -D -m 0644 "$1" "$DESTDIR$2"
    sed -i "s|/opt/canceld|$PREFIX|g; s|/usr/local/share|$SHAREDIR|g" "$DESTDIR$2"
}

files() {
    for unit in canceld.service canceld.socket canceld@.service canceld@.socket; do
        put "$here/systemd/$unit" "$LIBDIR/systemd/system/$unit"
    done
    put "$here/systemd/sysusers.conf" "$LIBDIR/sysusers.d/canceld.conf"
    put "$here/systemd/tmpfiles.conf" "$LIBDIR/tmpfiles.d/canceld.conf"
    put "$here/systemd/canceld.toml" "$SHAREDIR/doc/canceld/canceld.toml"
    put "$here/README.md" "$SHAREDIR/doc/canceld/README.md"
    put "$here/LICENSE" "$SHAREDIR/doc/canceld/LICENSE"
    if [ ! -e "$DESTDIR$SYSCONFDIR/canceld/canceld.toml" ]; then # the operator's from now on
        install -d -m 0750 "$DESTDIR$SYSCONFDIR/canceld"
        install -m 0640 "$here/systemd/canceld.toml" "$DESTDIR$SYSCONFDIR/canceld/canceld.toml"
    fi
    [ ! -d "$here/systemd/share" ] || shared
}

# Man pages and completions go where their readers look, the rest (dashboard, alert rules, examples) beside the sample.
shared() {
    cd "$here/systemd/share"
    find . -type f | while read -r file; do
        file=${file#./}
        name=${file##*/}
        case $file in
        *.[1-8]) put "$file" "$SHAREDIR/man/man${file##*.}/$name" ;;
        *.bash) put "$file" "$SHAREDIR/bash-completion/completions/${name%.bash}" ;;
        *.fish) put "$file" "$SHAREDIR/fish/vendor_completions.d/$name" ;;
        */_*) put "$file" "$SHAREDIR/zsh/site-functions/$name" ;;
        *) put "$file" "$SHAREDIR/doc/canceld/$file" ;;
        esac
    done
    cd "$here"
}

# What a package's scripts would do.
host() {
    [ -z "$DESTDIR" ] || return 0
    systemd-sysusers "$LIBDIR/sysusers.d/canceld.conf"
    systemd-tmpfiles --create "$LIBDIR/tmpfiles.d/canceld.conf"
    if [ -d /run/systemd/system ]; then # systemd runs here
        systemctl daemon-reload
    fi
}

if [ $# -gt 0 ]; then
    for step in "$@"; do
        case $step in
        build | swap | files | host) "$step" ;;
        *) fail "no step $step: there are build, swap, files and host" ;;
        esac
    done
    exit
fi
build
swap
files
host
cat <<END
canceld is in $DESTDIR$PREFIX, and the version before it, if there was one, in $DESTDIR$PREFIX.old.
First time: write $SYSCONFDIR/canceld/canceld.toml and the credentials, then
    runuser -u canceld -- $PREFIX/bin/canceld check --config $SYSCONFDIR/canceld/canceld.toml
    systemctl enable --now canceld.socket canceld.service
Upgrade: systemctl restart canceld (clients wait, requests in flight are taken up).
END
