# Becomes an executor, by close_descriptors.sh: start_executor.sh ERRORS PROGRAM ARGUMENT... Jobs inherit from it what
# it inherits itself, so what whoever started the daemon has left to it ends here. Its standard error becomes the file
# ERRORS: it outlives the daemon, whose own may be a pipe that nobody reads one day.

# For us alone. The umask itself is for jobs to inherit as it is.
(umask 077 && : >"$1")
exec 2>"$1"
shift
# A signal that is ignored stays so for whatever is started, such as SIGHUP below nohup(1), and no shell that began so
# can change that. Not every env(1) knows how.
if env --default-signal true 2>/dev/null; then set -- env --default-signal "$@"; fi
# It keeps no descriptor.
set -- "" "$@"
