# Signals process groups, reads /proc and keeps cgroups for the daemon. What is asked for each job is
# done by builtins of POSIX sh, without a fork. One request a line, `ID VERB ARGS`; one answer a line,
# `ID RESULT`.

# Not for the programs that it runs.
unset PROC_SHELL
# As in enter_job.sh.
exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-

# stat PID: sets $state $ppid $pgrp $session $start from proc_pid_stat(5). The name of the program stands
# in parentheses and may hold anything, line ends included, so only what follows the last ")" counts.
# A process is said to be a zombie as soon as its first thread has ended; it is none while others run.
stat() {
  line=
  while read -r more || [ -n "$more" ]; do line="$line $more"; done <"/proc/$1/stat"
  [ -n "$line" ] || return 1
  set -- ${line##*)}
  state=$1 ppid=$2 pgrp=$3 session=$4 start=${20}
  [ "$state" != Z ] || [ "${18}" -le 1 ] || state=R
}

# look PID: adds its group to $found as SID:PGID, if it is of one of $sids, and no zombie.
look() {
  # To fail to open it would take five times as long.
  [ -d "/proc/$1" ] || return
  stat "$1" || return
  case $state in Z | X) return ;; esac
  case " $sids " in
  *" $session "*) group=$session:$pgrp ;;
  *" $pgrp "*) group=$pgrp:$pgrp ;;
  *) return ;;
  esac
  case "$found " in *" $group "*) ;; *) found="$found $group" ;; esac
}

# newest: sets $newest to the process id that was given last, see proc_loadavg(5).
newest() {
  read -r _ _ _ _ newest </proc/loadavg
}

# look_above SID...: looks at the processes with ids from those of these sessions on, but for $leaders. Fails if that is
# no less work than to look at all, or the ids have begun anew.
look_above() {
  next=$1
  for sid; do [ "$sid" -ge "$next" ] || next=$sid; done
  last=$((next + 4096))
  newest
  # Those that come while we look may be their children.
  until [ "$newest" -lt "$next" ]; do
    [ "$newest" -le "$last" ] || return
    while [ "$next" -le "$newest" ]; do
      case " $leaders " in *" $next "*) ;; *) look "$next" ;; esac
      next=$((next + 1))
    done
    newest
  done
  [ "$newest" = $((next - 1)) ]
}

# signal_below DIR: sends $a to each process in a cgroup and those below it, and counts them in $count.
signal_below() {
  while read -r pid; do
    kill -s "$a" -- "$pid" || continue
    count=$((count + 1))
    [ "$verb" = cgroup_signal ] || kill -s CONT -- "$pid"
  done <"$1/cgroup.procs"
  for below in "$1"/*/; do
    [ ! -d "$below" ] || signal_below "${below%/}"
  done
}

# field KEY FILE: sets $value to what a flat keyed file of a cgroup says, `-` if it says nothing.
field() {
  while read -r key value; do [ "$key" != "$1" ] || return 0; done <"$2"
  value=-
}

# base_in MOUNT: sets $base to the cgroup of the daemon, which may have put itself, and us, into one below it. Fails
# where this is no mount of cgroup v2.
base_in() {
  [ -f "$1/cgroup.controllers" ] || return 1
  while IFS=: read -r hierarchy _ path; do [ "$hierarchy" = 0 ] && own=$path; done </proc/self/cgroup
  own=${own%/daemon} own=${own%/executor} base=$1${own%/}
}

# in_namespace: sets $namespace to the number of our PID namespace. Fails if that cannot be told.
in_namespace() {
  : "${namespace:=$(readlink /proc/self/ns/pid)}"
  namespace=${namespace#pid:\[} namespace=${namespace%]}
  [ -n "$namespace" ]
}

uid= ours= namespace=
mounts='/sys/fs/cgroup /sys/fs/cgroup/unified'
read -r boot </proc/sys/kernel/random/boot_id

while read -r id verb rest; do
  a=${rest%% *} b=${rest#* }
  case $verb in
  # signal SIGNAL PGID: 0, or 1 if there is no such group.
  signal)
    kill -s "$a" -- "-$b"
    echo "$id $?"
    ;;
  # sessions SID...: `SID:PGID` for each group of those sessions that holds more than zombies. young_sessions SID... -
  # PID...: the same, if ids have been given in order since those sessions began; the latter lead other sessions.
  sessions | young_sessions)
    found= sids=${rest%% -*} leaders=${rest#*-}
    [ "$verb" = young_sessions ] && look_above $sids ||
      for dir in /proc/[0-9]*; do look "${dir#/proc/}"; done
    echo "$id$found"
    ;;
  # access COUNT, and so many lines of a PATH each: for each of them `-` for nothing there, or `d`irectory,
  # `f`ile, `o`ther, with an `x` if we may enter or execute it.
  access)
    found=
    while [ "$a" -gt 0 ] && IFS= read -r path; do
      a=$((a - 1)) kind=-
      if [ -d "$path" ]; then kind=d; elif [ -f "$path" ]; then kind=f; elif [ -e "$path" ]; then kind=o; fi
      [ ! -x "$path" ] || kind=${kind}x
      found="$found $kind"
    done
    echo "$id$found"
    ;;
  # jobs: `JOB_ID:PID` for each process, not a zombie, whose environment names a job, and `launcher:PID` for each
  # launcher whose executor is gone. Forks; is rare.
  jobs)
    found=
    entries=$(
      grep -azso -e '^JOB_ID=[0-9a-f-]*$' -e '^JOB_LAUNCHER=[0-9]*$' /proc/[0-9]*/environ | tr '\0' '\n'
    )
    for entry in $entries; do
      pid=${entry#/proc/} pid=${pid%%/*} name=${entry#*JOB_ID=}
      stat "$pid" || continue
      case $state in Z | X) continue ;; esac
      case $entry in
      *:JOB_LAUNCHER="$ppid") continue ;;
      *:JOB_LAUNCHER=*)
        # A job may have such a variable.
        case $entries in *"/proc/$pid/environ:JOB_ID="*) continue ;; esac
        name=launcher
        ;;
      esac
      found="$found $name:$pid"
    done
    echo "$id$found"
    ;;
  # kill PID: SIGKILL to one process; 0, or 1 if there is none.
  kill)
    kill -s KILL -- "$a"
    echo "$id $?"
    ;;
  # cgroup_root: the directory in which jobs get cgroups and the controllers they can be limited by;
  # nothing where cgroup v2 is not ours to write, or too old for cgroup.kill (Linux 5.14).
  cgroup_root)
    found=
    for mount in $mounts; do
      base_in "$mount" || continue
      # The service that only holds jobs, deploy/worker-daemon-jobs.service: there they outlive the daemon's own.
      # systemd removes its cgroup while that is empty; whether it is active, the link tells. Whoever has started
      # this shell, and holds the jobs, moves there, too.
      jobs=${base%.service}-jobs.service
      for units in /run/systemd/units /run/user/*/systemd/units; do
        [ "$jobs" != "$base-jobs.service" ] && [ -L "$units/invocation:${jobs##*/}" ] || continue
        mkdir -p "$jobs/executor" && echo $PPID >"$jobs/executor/cgroup.procs" &&
          echo $$ >"$jobs/executor/cgroup.procs" && base=$jobs && break
      done
      mkdir -p "$base/job-worker" || continue
      [ -w "$base/job-worker/cgroup.kill" ] && [ -w "$base/cgroup.procs" ] || continue
      # What an executor that was killed had made for jobs to come, where cgroup_left cannot tell: another that lives may
      # just be making some.
      in_namespace
      find "$base/job-worker" -mindepth 1 -maxdepth 1 -name "spare-*" ! -name "spare-$namespace.*" -mmin +1 \
        -exec rmdir {} +
      # A cgroup that has controllers for its children may hold no process itself, but for the root.
      if [ -n "${own#/}" ] && [ "$base" = "${base%-jobs.service}" ] && mkdir -p "$base/daemon"; then
        while read -r pid; do echo "$pid" >"$base/daemon/cgroup.procs"; done <"$base/cgroup.procs"
      fi
      for controller in memory cpu pids; do
        echo "+$controller" >"$base/cgroup.subtree_control" &&
          echo "+$controller" >"$base/job-worker/cgroup.subtree_control"
      done
      read -r controllers <"$base/job-worker/cgroup.subtree_control" || controllers=
      found="$base/job-worker $controllers"
      break
    done
    printf '%s\n' "$id $found"
    ;;
  # cgroup_roots: the directories in which the executors of this daemon may have made cgroups for jobs.
  cgroup_roots)
    found=
    for mount in $mounts; do
      base_in "$mount" || continue
      for dir in "$base/job-worker" "${base%.service}-jobs.service/job-worker"; do
        [ ! -d "$dir" ] || found="$found $dir"
      done
    done
    printf '%s\n' "$id$found"
    ;;
  # cgroup_left DIR: the names of the cgroups in it that were made ahead of jobs by executors that are gone, but for those
  # of cgroup_assigned. What an executor in another PID namespace has made is not ours to judge.
  cgroup_left)
    found=
    in_namespace && for dir in "$rest/spare-$namespace".*; do
      [ -d "$dir" ] || continue
      for below in "$dir"/*-*-*-*-*/; do [ ! -d "$below" ] || continue 2; done
      maker=${dir#"$rest/spare-$namespace".} maker=${maker%%-*}
      stat "${maker%.*}" && [ "$start" = "${maker#*.}" ] && case $state in Z | X) ;; *) continue ;; esac
      found="$found ${dir##*/}"
    done
    printf '%s\n' "$id$found"
    ;;
  # cgroup_make DIR FILE=VALUE... DIR...: those that cannot be made or limited so.
  cgroup_make)
    dirs= failed=
    set -f
    for word in $rest; do
      case $word in /*) dirs="$dirs $word" ;; esac
    done
    mkdir $dirs
    for word in $rest; do
      case $word in
      /*) dir=$word && [ -d "$dir" ] ;;
      *) echo "${word#*=}" >"$dir/${word%%=*}" ;;
      esac || failed="$failed $dir"
    done
    set +f
    printf '%s\n' "$id$failed"
    ;;
  # cgroup_signal SIGNAL DIR, cgroup_stop SIGNAL DIR: how many processes were signalled; the latter
  # lets those that are suspended go on.
  cgroup_signal | cgroup_stop)
    count=0
    signal_below "$b"
    echo "$id $count"
    ;;
  # cgroup_kill DIR: SIGKILL to every process in it and below it.
  cgroup_kill)
    echo 1 >"$a/cgroup.kill"
    echo "$id $?"
    ;;
  # cgroup_assigned DIR: `spare-…/JOB_ID` for each cgroup that an executor of an older build had made ahead of its job.
  cgroup_assigned)
    found=
    for dir in "$rest"/spare-*/*-*-*-*-*/; do
      [ ! -d "$dir" ] || dir=${dir%/} found="$found ${dir#"$rest"/}"
    done
    printf '%s\n' "$id$found"
    ;;
  # cgroup_usage DIR...: `NAME:CPU_USEC:PEAK_BYTES:OOM_KILLS` of what ran in it, `-` for what is not known, for each in
  # which there is no process, zombies aside.
  cgroup_usage)
    used=
    set -f
    for dir in $rest; do
      field populated "$dir/cgroup.events"
      [ "$value" != 1 ] || continue
      field usage_usec "$dir/cpu.stat"; cpu=$value
      read -r peak <"$dir/memory.peak" || peak=-
      field oom_kill "$dir/memory.events"; used="$used ${dir##*/}:$cpu:$peak:$value"
    done
    set +f
    printf '%s\n' "$id$used"
    ;;
  # cgroup_remove DIR: removes it with those in it.
  cgroup_remove)
    find "$rest" -depth -type d -exec rmdir {} +
    echo "$id"
    ;;
  # uid: who we are.
  uid)
    : "${uid:=$(id -u)}"
    echo "$id $uid"
    ;;
  # ours: our user and our group, real and effective, and all of our groups, by number.
  ours)
    : "${ours:=$(id -ru) $(id -u) $(id -rg) $(id -g) $(id -G)}"
    echo "$id $ours"
    ;;
  # groups NAME: all groups of a user, by number.
  groups)
    echo "$id $(id -G -- "$rest")"
    ;;
  # user NAME: `UID GID HOME` of passwd(5), or nothing.
  user)
    entry=$(getent passwd -- "$rest") && (
      IFS=:
      # A password of `*` is no pattern.
      set -f
      set -- $entry
      printf '%s\n' "$id $3 $4 $6"
    ) || echo "$id"
    ;;
  # process_ids: how many there are; 0 if it cannot be told which was given last, since /proc/loadavg is not that of our
  # PID namespace, as in a container of lxcfs. Read by a program, since the kernel tells all of it at once or nothing.
  process_ids)
    newest
    last=$newest
    set -- $(sh -c 'echo "$$" && exec cat /proc/sys/kernel/pid_max')
    newest
    [ "$last" -lt "$1" ] && [ "$1" -le "$newest" ] && echo "$id $2" || echo "$id 0"
    ;;
  # descriptors: the hard limit of open files.
  descriptors)
    echo "$id $(ulimit -Hn)"
    ;;
  # limit PID SOFT: gives a process a soft limit of open files; 0, or something else if that fails.
  limit)
    prlimit --pid "$a" --nofile="$b:"
    echo "$id $?"
    ;;
  # oom_score_adj: our own, which is that of whoever has started us, see proc_pid_oom_score_adj(5).
  oom_score_adj)
    read -r adjustment </proc/self/oom_score_adj || adjustment=
    echo "$id $adjustment"
    ;;
  # identity PID: boot id and start time in clock ticks since boot, or nothing.
  identity)
    if stat "$a"; then echo "$id $boot:$start"; else echo "$id"; fi
    ;;
  # maker PID: `NAMESPACE.PID.START`, by which cgroup_left knows a process; nothing if it could not.
  maker)
    if in_namespace && stat "$a"; then echo "$id $namespace.$a.$start"; else echo "$id"; fi
    ;;
  esac
done
