# Becomes an executor: start_executor.sh ERRORS PROGRAM ARGUMENT... Jobs inherit from it what it inherits itself, so
# what whoever started the daemon has left to it ends here. Its standard error becomes the file ERRORS: it outlives
# the daemon, whose own may be a pipe that nobody reads one day.

# For us alone. The umask itself is for jobs to inherit as it is.
(umask 077 && : >"$1")
# The sockets of the gateways, and the like. A POSIX sh can name no descriptor beyond 9.
exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&- 2>"$1"
shift
PATH=/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin
# A signal that is ignored stays so for whatever is started, such as SIGHUP below nohup(1), and no shell that began so
# can change that. Not every env(1) knows how.
if env --default-signal true 2>/dev/null; then set -- env --default-signal "$@"; fi
for fd in /proc/self/fd/??*; do
  if [ -e "$fd" ] && command -v bash >/dev/null; then
    exec bash -c 'for fd in /proc/self/fd/??*; do eval "exec ${fd##*/}>&-"; done; exec "$@"' bash "$@"
  fi
done
exec "$@"
