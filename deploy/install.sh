#!/bin/sh
# Installs Job Worker on this server, and prints each step. It starts nothing.
set -eu

usage="Usage: install.sh [--dry-run] [--from=DIR] [--prefix=DIR] [--root=DIR] [-- INIT-OPTION...]

  --dry-run     only print what would be done
  --from=DIR    where worker-daemon, worker-cli and SHA256SUMS are [beside this script, .. or ../dist]
  --prefix=DIR  where to install programs and manual pages [/usr/local]
  --root=DIR    install into the root of another system: users and services of this one are not touched
  INIT-OPTION   for worker-daemon init: --host=NAME, a name by which clients reach this server; --user=NAME

Run it as root. Existing certificates and configuration are never replaced."

here=$(cd -- "$(dirname -- "$0")" && pwd)
from='' prefix=/usr/local root='' dry=''
while [ $# -gt 0 ]; do
  case $1 in
    --dry-run) dry=yes ;;
    --from=*) from=${1#*=} ;;
    --prefix=*) prefix=${1#*=} ;;
    --root=*) root=${1#*=} ;;
    -h | --help) echo "$usage" && exit ;;
    --) shift && break ;;
    *) echo "install.sh: Unknown argument \"$1\"" >&2 && echo "$usage" >&2 && exit 2 ;;
  esac
  shift
done

fail() { echo "install.sh: $*" >&2 && exit 1; }

# Prints a step, and does it.
step() {
  echo "+ $*"
  [ -n "$dry" ] || "$@"
}

for directory in "$here" "$here/.." "$here/../dist"; do
  if [ -z "$from" ] && [ -f "$directory/worker-daemon" ]; then
    from=$(cd -- "$directory" && pwd)
  fi
done
[ -n "$from" ] || fail "Cannot find worker-daemon: say where it is with --from=DIR"
[ -n "$dry" ] || [ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "Run this as root, or use --dry-run"

[ -d "$from" ] || fail "There is no directory $from"
for file in worker-daemon worker-cli SHA256SUMS; do
  [ -f "$from/$file" ] || fail "There is no $file in $from"
done
(cd -- "$from" && sha256sum --check --quiet SHA256SUMS) || fail "The files in $from are damaged"

# Unpack where every user can run the programs. Without --root that is the default.
export XDG_CACHE_HOME="$root/var/cache"
umask 022

echo "Programs and their manual pages:"
step install -d "$root$prefix/bin" "$root$prefix/share/man/man1" "$XDG_CACHE_HOME"
step install -m 755 "$from/worker-daemon" "$from/worker-cli" "$root$prefix/bin"
if [ -d "$here/man" ]; then step install -m 644 "$here"/man/*.1 "$root$prefix/share/man/man1"; fi

echo "Unpack the programs now, so that the first start is fast:"
step "$root$prefix/bin/worker-daemon" --version

echo "Completions:"
add_completion() {
  [ -d "$root${2%/*}" ] || return 0
  echo "+ $prefix/bin/worker-cli completions $1 >$root$2"
  [ -n "$dry" ] || "$root$prefix/bin/worker-cli" completions "$1" >"$root$2"
}
add_completion bash /usr/share/bash-completion/completions/worker-cli
add_completion zsh /usr/share/zsh/vendor-completions/_worker-cli
add_completion fish /usr/share/fish/vendor_completions.d/worker-cli.fish

echo "The users that jobs and the gateway run as, and directories:"
if [ -n "$root" ]; then
  # That system makes them when it boots, see sysusers.d(5) and tmpfiles.d(5).
  for kind in sysusers.d tmpfiles.d; do
    step install -D -m 644 "$here/$kind/job-worker.conf" "$root/etc/$kind/job-worker.conf"
  done
else
  # add_user NAME OPTION...
  add_user() {
    if id "$1" >/dev/null 2>&1; then
      echo "  the user $1 exists"
    else
      user=$1 && shift
      step useradd --system --user-group --shell /usr/sbin/nologin "$@" "$user"
    fi
  }
  add_user job-worker --create-home --home-dir /var/lib/job-worker-home
  add_user job-worker-gateway --no-create-home --home-dir /
fi

echo "Certificates, configuration and the units for systemd:"
if [ -e "$root/etc/job-worker/job-worker.json" ]; then
  echo "  there is a configuration in $root/etc/job-worker already"
else
  # This user may not exist yet. What follows may name another.
  [ -z "$root" ] || set -- --job-user=job-worker "$@"
  set -- "$root$prefix/bin/worker-daemon" init "--dir=$root/etc/job-worker" --systemd --system "$@"
  echo "+ $*"
  if [ -z "$dry" ]; then
    said=$("$@")
    # The next step is printed below, and the data will not be beside the configuration.
    printf '%s\n' "$said" |
      sed -e '/^Next: /d' -e '/^The gateway,/,+1d' -e 's|^/.*/etc/job-worker/data |/var/lib/job-worker |'
  fi
  if [ -n "$root" ]; then
    # The paths in the unit and the configuration must not have the root in them. tmpfiles.d makes the data directory.
    step sed -i "s|$root/|/|g" "$root/etc/job-worker/worker-daemon.service"
    step sed -i 's|"data-dir": "data"|"data-dir": "/var/lib/job-worker"|' \
      "$root/etc/job-worker/job-worker.json"
    step rmdir "$root/etc/job-worker/data"
  fi
fi
units=
for unit in worker-daemon-jobs.service worker-daemon.socket worker-daemon.service; do
  # An installation of before may have no unit for the jobs. A dry run has made none.
  if [ -e "$root/etc/job-worker/$unit" ] || [ ! -e "$root/etc/job-worker/job-worker.json" ]; then
    units="$units${units:+ }/etc/job-worker/$unit"
  fi
done
if [ -n "$root" ]; then
  echo "Done, in $root. Once that system has booted, start the daemon there with:"
  echo "  systemctl enable --now $units"
elif ! command -v systemctl >/dev/null; then
  echo "Done. Start it with: $prefix/bin/worker-daemon"
else
  # shellcheck disable=SC2086 # A path each.
  step systemctl enable $units
  # Where systemd does not run, as in a container, systemctl says so, which is no news here.
  if systemctl is-active --quiet worker-daemon 2>/dev/null; then
    echo "Done. The previous version is still running. To switch to this one, while the jobs go on:"
    echo "  systemctl reload worker-daemon && systemctl restart worker-daemon"
  else
    echo "Done. Start it with: systemctl start worker-daemon"
  fi
fi
