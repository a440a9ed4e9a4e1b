# Becomes a program: close_descriptors.sh KEPT PROGRAM ARGUMENT... What whoever started the daemon has left open to it
# ends here, but for the descriptors KEPT, which are below 10. Deno itself leaves nothing.
for fd in 3 4 5 6 7 8 9; do
  case " $1 " in *" $fd "*) ;; *) eval "exec $fd>&-" ;; esac
done
shift
# A POSIX sh can name no descriptor beyond 9.
for fd in /proc/self/fd/??*; do
  if [ -e "$fd" ] && command -v bash >/dev/null; then
    exec bash -c 'for fd in /proc/self/fd/??*; do eval "exec ${fd##*/}>&-"; done; exec "$@"' bash "$@"
  fi
done
exec "$@"
