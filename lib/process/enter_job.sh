# Becomes the program of a job: enter_job.sh CHOWN OWNER DESCRIPTORS CGROUP.PROCS UMASK, then the arguments of
# exec_as_user.sh, or the programs that lead to it; OWNER, CGROUP.PROCS and UMASK may be empty. Runs with the
# rights of the daemon, so nothing that a client wrote may reach it but as an argument that it hands on.

# A job opens /dev/stdout and its like anew, which only the owner of the pipe may. Before the cgroup, whose
# limits may allow no second process.
if [ -n "$2" ]; then
  pipes=
  # What a launcher reads stays ours, or another job of that user could tell it what to become.
  fds='0 1 2'
  [ -z "$JOB_ENV_AWAIT" ] || fds='1 2'
  for fd in $fds; do
    [ ! -p "/proc/self/fd/$fd" ] || pipes="$pipes /proc/self/fd/$fd"
  done
  # Silently where even root may not (CAP_CHOWN): a job can do without.
  [ -z "$pipes" ] || "$1" -f "$2" $pipes
fi
# The daemon may be one of the last that the kernel kills for want of memory, but its jobs are not.
{ echo 0 >/proc/self/oom_score_adj; } 2>/dev/null
[ -z "$4" ] || echo 0 >"$4" || exit 126
[ -z "$5" ] || umask "$5" || exit 126
ulimit -Sn "$3" || exit 126
shift 5
# The sockets on which the gateways listen (lib/daemon/inherited_sockets.ts), and what else whoever started
# the daemon has left open; Deno itself leaves nothing. A POSIX sh can name no descriptor beyond 9: those
# do not get as far as an executor of the daemon (lib/daemon/close_descriptors.sh).
exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-
