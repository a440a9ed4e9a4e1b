#!/bin/sh
# @NAME@ @VERSION@ for @TARGET@: this script and, after its last line, a tar.gz with a JavaScript runtime
# and the program. It is unpacked once, into a cache, and run from there.
# Needs a POSIX shell and coreutils; in /usr/bin or /bin, tar and gzip; with flock(1), those that start at
# once unpack once.
name=@NAME@
sum=@SHA256@

payload() { LC_ALL=C tail -n +@LINE@ -- "$0"; }

fail() {
  printf '%s: %s\n' "$name" "$*" >&2
  exit @FAILURE@
}

me=$(id -u) || fail "Cannot tell who runs it: id(1) does not work"

# Where the cache may be, best first. What root unpacks is for everybody: for the service, whatever its
# environment, and for whoever runs the CLI.
places() {
  case ${XDG_CACHE_HOME-} in /*) echo "$XDG_CACHE_HOME/job-worker" ;; esac
  [ "$me" != 0 ] || echo /var/cache/job-worker
  case ${HOME-} in /*) echo "$HOME/.cache/job-worker" ;; esac
  [ "$me" = 0 ] || echo /var/cache/job-worker
  echo "${TMPDIR:-/tmp}/job-worker-$me"
}

# Prints the real path of a directory that only we and root can change. A directory above it may be
# open to others if it is sticky, as /tmp is: they cannot put another in the place of ours.
trusted() (
  cd -P -- "$1" 2>/dev/null || exit 1
  real=$(pwd -P)
  path=$real
  set -- "$real"
  while path=${path%/*} && [ -n "$path" ]; do set -- "$@" "$path"; done
  modes=$(stat -c %u:%a -- "$@" /) || exit 1
  above=
  for mode in $modes; do
    case $mode in 0:* | "$me":*) ;; *) exit 1 ;; esac
    case $above${mode#*:} in
      above[1357]???) ;;
      *[2367] | *[2367]?) exit 1 ;;
    esac
    above=above
  done
  printf '%s\n' "$real"
)

# Makes one of the places and, if need be, the directory above it. Another may be doing the same.
make() {
  [ ! -L "$1" ] || { echo "it is a symbolic link" && return 1; }
  case $1 in /var/*) mode=755 ;; *) mode=700 ;; esac
  for directory in "${1%/*}" "$1"; do
    [ -d "$directory" ] || mkdir -m "$mode" -- "$directory" || [ -d "$directory" ] || return
  done
}

# Unpacks into the cache $1, unless it is done: beside its place, and renamed when it is whole.
unpack() (
  PATH=$PATH:/usr/bin:/bin
  exec 9>"$1/lock" || exit 1
  flock 9 2>/dev/null
  [ ! -x "$1/$sum/deno" ] || exit 0
  work=$(mktemp -d "$1/new-$$-XXXXXX") || exit 1
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  payload | gzip -dc | tar -C "$work" -xomf - && chmod 755 "$work" || exit 1
  [ -x "$work/deno" ] || { echo "programs may not be run from there" && exit 1; }
  # Or a power cut could leave the name, and less than the program behind it.
  sync -f "$work" 2>/dev/null || sync
  # Where there is no flock(1), another may have been faster.
  mv -T "$work" "$1/$sum" 2>/dev/null || [ -x "$1/$sum/deno" ] || exit 1
  analyse "$1/$sum" >/dev/null 2>&1
  clean "$1" 2>/dev/null
)

# Has Deno note what the files of the program $1 import. Whatever process does that keeps 25 MB for it as long as
# it lives, and a daemon may live for months. They can do without.
analyse() {
  set +f
  DENO_DIR="$1/cache" "$1/deno" cache --quiet --no-config --no-lock --no-remote --no-npm "$1"/*.js "$1"/*.ts
}

# Removes other versions from the cache $1, but the newest of them, for those that use two side by
# side, and any that runs; and what is left of an unpacking that was killed.
clean() {
  set +f
  cd -- "$1" && running=$(readlink /proc/[0-9]*/exe; :) && [ -n "$running" ] || return 0
  kept=
  # shellcheck disable=SC2045 # By age, which no pattern can do; of other names, none is touched.
  for old in $(ls -t); do
    case $old in
      "$sum" | lock) continue ;;
      new-*)
        old_pid=${old#new-}
        if kill -0 "${old_pid%-*}"; then continue; fi
        ;;
      *)
        [ ${#old} = ${#sum} ] || continue
        case $running in *"/$old/deno"*) continue ;; esac
        if [ -z "$kept" ]; then kept=$old && continue; fi
        ;;
    esac
    rm -rf -- "$old"
  done
}

# Prints the directory in the cache $1 with the unpacked program, if it is there.
found() { dir=$(trusted "$1/$sum") && [ -x "$dir/deno" ] && printf '%s\n' "$dir"; }

# Prints the directory with the unpacked program.
unpacked() (
  IFS='
'
  set -f
  # shellcheck disable=SC2046 # One place a line.
  set -- $(places)
  for place; do
    if found "$place"; then exit; fi
    # Whoever says where it is to be wants it there, whatever is elsewhere.
    case $place in "${XDG_CACHE_HOME-}"/*) break ;; esac
  done
  [ "$(payload | sha256sum)" = "$sum  -" ] ||
    fail "Cannot unpack the program: $0 is damaged (its checksum is wrong); copy it anew"
  why=
  for place; do
    if found "$place"; then exit; fi
    if problem=$(make "$place" 2>&1); then
      changeable="others than you and root may change it, or a directory above it"
      if ! dir=$(trusted "$place"); then problem=$changeable
      elif problem=$(unpack "$dir" 2>&1); then
        if found "$dir"; then exit; fi
        problem="$sum: $changeable"
      fi
    fi
    why="$why
  $place: $problem"
  done
  fail "Cannot unpack the program; make one of these directories usable, or set XDG_CACHE_HOME:$why"
)

dir=$(unpacked) || exit
case $0 in
  */*) WORKER_EXECUTABLE=$(cd -- "${0%/*}/" && pwd)/${0##*/} ;;
  *) WORKER_EXECUTABLE=$(pwd)/$0 ;;
esac
export WORKER_EXECUTABLE
export DENO_DIR="$dir/cache" DENO_NO_UPDATE_CHECK=1
line=" $* "
IFS='
'
set -f
flags='@FLAGS@'
# The program knows what it needs beyond that for these arguments, where it is more.
# shellcheck disable=SC2086 # One flag a line.
case $line in
  @ASK@)
    more=$("$dir/deno" run --no-config $flags "$dir/@ENTRY@" permissions "$@") || exit
    flags=$flags$IFS$more
    ;;
esac
# The CLI keeps a connection by a process that is started like this one, and reached by a socket in a
# directory of the user's own: see lib/cli/kept/place.ts.
case $name:${WORKER_KEEP_CONNECTION:+ --keep-connection}$line in
  worker-cli:*" --keep-connection"*)
    case ${XDG_RUNTIME_DIR-} in
      /*) kept=$XDG_RUNTIME_DIR/job-worker/connections ;;
      *) kept=${HOME-}/.cache/job-worker/connections ;;
    esac
    case $kept$WORKER_EXECUTABLE in
      # A flag cannot name such a path: then no connection is kept.
      *,* | *"$IFS"*) ;;
      *) flags="$flags$IFS--allow-write=$kept$IFS--allow-run=$WORKER_EXECUTABLE$IFS--allow-sys=uid" ;;
    esac
    ;;
esac
# shellcheck disable=SC2086
set -- "$dir/deno" run --no-config --no-lock --no-remote --no-npm $flags "$dir/@ENTRY@" "$@"
case $line in
  " __keep "*)
    # It stays when its caller has gone, whose pipes and files must not stay open. A POSIX sh can name no
    # descriptor beyond 9.
    exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
    # shellcheck disable=SC2016 # For bash.
    ! command -v bash >/dev/null ||
      exec bash -c 'for fd in /proc/self/fd/[1-9][0-9]*; do eval "exec ${fd##*/}>&-"; done; exec "$@"' bash "$@"
    ;;
esac
exec "$@"
