# Cleans up after a user that one job has had for itself: clean_user.sh UID DIRECTORY SETPRIV. Ends what runs as it,
# removes what it has left, and at last the directory, which says that the user is taken.
# Exits with 1 if a process does not end, with 2 if the directory cannot be removed.

uid=$1 directory=$2 setpriv=$3
PATH=/usr/bin:/bin:/usr/sbin:/sbin

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

looks=0
while pids=$(live) && [ -n "$pids" ]; do
  # shellcheck disable=SC2086 # One process a word.
  kill -s KILL -- $pids
  looks=$((looks + 1))
  [ "$looks" -lt 500 ] || exit 1
  sleep 0.02
done

# With no rights but the user's own, since these places are everybody's.
"$setpriv" --reuid="$uid" --regid="$uid" --clear-groups -- sh -c '
  ipcrm --all
  for place in /tmp /var/tmp /dev/shm /dev/mqueue; do
    [ ! -d "$place" ] || find "$place" -maxdepth 1 -user "$1" -exec rm -rf -- {} +
  done
' sh "$uid"

rm -rf -- "$directory"
[ ! -e "$directory" ] || exit 2
