# Becomes the program of a job: launch.sh DESCRIPTORS CGROUP.PROCS UMASK PROGRAM ARGS...; the second and
# third may be empty.
# The daemon may be one of the last that the kernel kills for want of memory, but its jobs are not.
{ echo 0 >/proc/self/oom_score_adj; } 2>/dev/null
[ -z "$2" ] || echo 0 >"$2" || exit 126
[ -z "$3" ] || umask "$3" || exit 126
ulimit -Sn "$1" || exit 126
shift 3
# The shell's own; whoever wants them passes them through env(1).
unset PWD OLDPWD
# Sockets on which the gateways listen, see lib/daemon/inherited_sockets.ts.
exec 3<&- 4<&-
exec "$@"
