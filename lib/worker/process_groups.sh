# Signals process groups and reads /proc for the daemon. Every step is a builtin of POSIX sh, so
# nothing is forked. One request a line, `ID VERB ARGS`; one answer a line, `ID RESULT`.

# stat PID: sets $state $pgrp $session $start from proc_pid_stat(5). The name of the program stands
# in parentheses and may hold anything, line ends included, so only what follows the last ")" counts.
stat() {
  line=
  while read -r more || [ -n "$more" ]; do line="$line $more"; done 2>/dev/null <"/proc/$1/stat"
  [ -n "$line" ] || return 1
  set -- ${line##*)}
  state=$1 pgrp=$3 session=$4 start=${20}
}

read -r boot </proc/sys/kernel/random/boot_id

while read -r id verb rest; do
  a=${rest%% *} b=${rest#* }
  case $verb in
  # signal SIGNAL PGID: 0, or 1 if there is no such group.
  signal)
    kill -s "$a" -- "-$b" 2>/dev/null
    echo "$id $?"
    ;;
  # sessions SID...: `SID:PGID` for each group of those sessions that holds more than zombies.
  sessions)
    found=
    for dir in /proc/[0-9]*; do
      stat "${dir#/proc/}" 2>/dev/null || continue
      case $state in Z | X) continue ;; esac
      case " $rest " in
      *" $session "*) group=$session:$pgrp ;;
      *" $pgrp "*) group=$pgrp:$pgrp ;;
      *) continue ;;
      esac
      case "$found " in *" $group "*) ;; *) found="$found $group" ;; esac
    done
    echo "$id$found"
    ;;
  # may_execute PATH|: 0 if we may execute that file or enter that directory. The bar keeps blanks.
  may_execute)
    [ -x "${rest%|}" ]
    echo "$id $?"
    ;;
  # born PID: boot id and start time in clock ticks since boot, or nothing.
  born)
    if stat "$a" 2>/dev/null; then echo "$id $boot:$start"; else echo "$id"; fi
    ;;
  esac
done
