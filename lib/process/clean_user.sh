# Cleans up after a user that one job has had for itself: clean_user.sh UID DIRECTORY SETPRIV. Ends what runs as it,
# removes what it has left, and at last the directory, which says that the user is taken.
# Exits with 1 if a process does not end, with 2 if the directory cannot be removed, with 3 if something else cannot.

uid=$1 directory=$2 setpriv=$3
# Where everybody may write.
places='/tmp /var/tmp /dev/shm /dev/mqueue /run/lock'

# live: the processes of the user, zombies aside. A process is said to be a zombie as soon as its first thread has
# ended; it is none while others run.
live() {
  grep -lsE "^Uid:.*[[:space:]]$uid([[:space:]]|\$)" /proc/[0-9]*/status | while read -r status; do
    state= threads=0
    while read -r key value _; do
      case $key in
      State:) state=$value ;;
      Threads:) threads=$value ;;
      esac
    done <"$status"
    case $state in '') continue ;; Z | X) [ "$threads" -gt 1 ] || continue ;; esac
    pid=${status#/proc/}
    echo "${pid%/status}"
  done
}

# The words that give a command the rights of the user, and no others.
set -- "$setpriv" --reuid="$uid" --regid="$uid" --clear-groups --

# kill_all COMMAND...: one kill(2) for all processes of the user. No fork can come in between, while one that forks and
# ends all the time is gone from every list of processes before that is read. They may end or suspend whoever sends
# it, as that is one of them: then there is another, as long as there is time.
kill_all() {
  timeout -s KILL 1 "$@" sh -c 'kill -s KILL -- -1; exit 0'
}

seconds() {
  read -r uptime _ </proc/uptime
  echo "${uptime%.*}"
}

deadline=$(($(seconds) + 15))
until kill_all "$@" && [ -z "$(live)" ]; do
  [ "$(seconds)" -lt "$deadline" ] || exit 1
  # There may be so many that the user can have no other, see RLIMIT_NPROC in getrlimit(2).
  # shellcheck disable=SC2046 # One process a word.
  kill -s KILL -- $(live)
  sleep 0.02
done

# With no rights but the user's own, since these places are everybody's. A directory that its owner may not change
# keeps what is in it, such as a program with a set-user-ID bit, until they may.
# shellcheck disable=SC2016,SC2086 # It is for the inner sh; one place a word.
"$@" sh -c '
  ipcrm --all
  uid=$1
  shift
  for place; do
    [ -d "$place" ] || continue
    find "$place" -maxdepth 1 -user "$uid" -exec chmod -R u+rwX -- {} + -exec rm -rf -- {} +
  done
' sh "$uid" $places
# shellcheck disable=SC2086 # One place a word.
left=$(find $places -maxdepth 1 -user "$uid")
[ -z "$left" ] || exit 3

rm -rf -- "$directory"
[ ! -e "$directory" ] || exit 2
