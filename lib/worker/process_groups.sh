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
  # jobs: `JOB_ID:PID` for each process, not a zombie, whose environment names a job. Forks; is rare.
  jobs)
    found=
    for entry in $(grep -azso '^JOB_ID=[0-9a-f-]*$' /proc/[0-9]*/environ | tr '\0' '\n'); do
      pid=${entry#/proc/} pid=${pid%%/*}
      stat "$pid" 2>/dev/null || continue
      case $state in Z | X) continue ;; esac
      found="$found ${entry#*JOB_ID=}:$pid"
    done
    echo "$id$found"
    ;;
  # kill PID: SIGKILL to one process; 0, or 1 if there is none.
  kill)
    kill -s KILL -- "$a" 2>/dev/null
    echo "$id $?"
    ;;
  # descriptors: the hard limit of open files.
  descriptors)
    echo "$id $(ulimit -Hn)"
    ;;
  # born PID: boot id and start time in clock ticks since boot, or nothing.
  born)
    if stat "$a" 2>/dev/null; then echo "$id $boot:$start"; else echo "$id"; fi
    ;;
  esac
done
