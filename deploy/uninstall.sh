#!/bin/sh
# Removes what install.sh has installed, and says each step. Certificates, configuration and the data of
# jobs stay, unless --purge is given.
set -eu

usage="Usage: uninstall.sh [--dry-run] [--purge] [--prefix=DIR] [--root=DIR]

  --dry-run     only say what would be done
  --purge       remove certificates, configuration, all jobs with their logs, and the user job-worker, too
  --prefix=DIR  where the programs are [/usr/local]
  --root=DIR    remove from below another root, and leave users and services alone"

prefix=/usr/local root='' dry='' purge=''
for argument; do
  case $argument in
    --dry-run) dry=yes ;;
    --purge) purge=yes ;;
    --prefix=*) prefix=${argument#*=} ;;
    --root=*) root=${argument#*=} ;;
    -h | --help) echo "$usage" && exit ;;
    *) echo "uninstall.sh: Unknown argument \"$argument\"" >&2 && echo "$usage" >&2 && exit 2 ;;
  esac
done

if [ -z "$dry$root" ] && [ "$(id -u)" != 0 ]; then
  echo "uninstall.sh: Run it as root, or see --dry-run" >&2 && exit 1
fi

# Says a step, and does it.
step() {
  echo "+ $*"
  [ -n "$dry" ] || "$@"
}

if [ -z "$root" ] && [ -e /etc/systemd/system/worker-daemon.service ]; then
  echo "The service, with every job that runs:"
  step systemctl disable --now worker-daemon.socket worker-daemon.service
fi

echo "Programs, manual pages, completions and what the programs have unpacked:"
for name in worker-daemon worker-cli; do
  step rm -f "$root$prefix/bin/$name" "$root$prefix/share/man/man1/$name.1"
done
step rm -f "$root/usr/share/bash-completion/completions/worker-cli" \
  "$root/usr/share/zsh/vendor-completions/_worker-cli" \
  "$root/usr/share/fish/vendor_completions.d/worker-cli.fish"
[ -z "$root" ] ||
  step rm -f "$root/etc/sysusers.d/job-worker.conf" "$root/etc/tmpfiles.d/job-worker.conf"
# Whatever the environment was in which root has run them.
set -- "$root/var/cache/job-worker"
if [ -z "$root" ]; then
  set -- "$@" ~root/.cache/job-worker "${TMPDIR:-/tmp}/job-worker-0"
  [ "${HOME:-/root}" = ~root ] || set -- "$@" "$HOME/.cache/job-worker"
  case ${XDG_CACHE_HOME-} in /*) set -- "$@" "$XDG_CACHE_HOME/job-worker" ;; esac
fi
step rm -rf "$@"

if [ -z "$purge" ]; then
  echo "Kept: $root/etc/job-worker and $root/var/lib/job-worker; --purge removes them"
  exit
fi
echo "Certificates, configuration, jobs and logs:"
step rm -rf "$root/etc/job-worker" "$root/var/lib/job-worker"
if [ -z "$root" ] && id job-worker >/dev/null 2>&1; then
  # Without --remove, by which userdel misses a mailbox that a system user never had.
  step userdel job-worker
  step rm -rf /var/lib/job-worker-home
fi
