# What a launcher does once it has the rights of a job (lib/process/launcher.ts): waits for a job on standard input, and
# goes on as exec_as_user.sh. What it is told are values, each in a line of its own after a `-`; a value of several lines
# has a `+` before those that others follow. They are UMASK JOB_ID VARIABLES, so many variables, ARGUMENTS, so many
# arguments. Ends if its executor does.

newline='
'

# told: the next value, to $value.
told() {
  value=
  while IFS= read -r line || exit 126; do
    case $line in
    +*) value=$value${line#+}$newline ;;
    *) value=$value${line#-} && return ;;
    esac
  done
}

told
[ -z "$value" ] || umask "$value" || exit 126
told && JOB_ID=$value
told && count=$value at=0
while [ "$at" -lt "$count" ]; do
  told
  eval "JOB_ENV_$at=\$value"
  at=$((at + 1))
done
told && count=$value
set --
while [ "$count" -gt 0 ]; do
  told
  set -- "$@" "$value"
  count=$((count - 1))
done
exec </dev/null
unset JOB_LAUNCHER
[ -z "$JOB_ID" ] || export JOB_ID
