#!/bin/sh
# Removes what install.sh has installed, and prints each step. Certificates, configuration, jobs and logs
# stay, unless --purge is given.
set -eu

usage="Usage: uninstall.sh [--dry-run] [--purge] [--prefix=DIR] [--root=DIR]

  --dry-run     only print what would be done
  --purge       also remove certificates, configuration, all jobs with their logs, and the users
                made for jobs and the gateway
  --prefix=DIR  where the programs are [/usr/local]
  --root=DIR    remove it from the root of another system, and leave users and services alone"

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
  echo "uninstall.sh: Run this as root, or use --dry-run" >&2 && exit 1
fi

# Prints a step, and does it.
step() {
  echo "+ $*"
  [ -n "$dry" ] || "$@"
}

if [ -z "$root" ] && [ -e /etc/systemd/system/worker-daemon.service ]; then
  echo "The service, and every running job:"
  step systemctl disable --now worker-daemon.socket worker-daemon.service worker-daemon-jobs.service
fi

echo "Programs, their unpacked files, manual pages and completions:"
for name in worker-daemon worker-cli; do
  step rm -f "$root$prefix/bin/$name" "$root$prefix/share/man/man1/$name.1"
done
step rm -f "$root/usr/share/bash-completion/completions/worker-cli" \
  "$root/usr/share/zsh/vendor-completions/_worker-cli" \
  "$root/usr/share/fish/vendor_completions.d/worker-cli.fish"
[ -z "$root" ] ||
  step rm -f "$root/etc/sysusers.d/job-worker.conf" "$root/etc/tmpfiles.d/job-worker.conf"
# Root may have run them with any of these variables.
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
[ -z "$root" ] || exit 0
for user in job-worker job-worker-gateway; do
  # Not with --remove, because userdel then complains about a mailbox that a system user never had.
  if id "$user" >/dev/null 2>&1; then step userdel "$user"; fi
done
# And the homes of --job-uids, unless --job-homes names another place.
step rm -rf /var/lib/job-worker-home /var/lib/job-worker-homes
