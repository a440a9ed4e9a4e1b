# The rest of enter_job.sh, with no rights but the job's: exec_as_user.sh DIRECTORY EXPORTED PASSED ENV PROGRAM ARGS...
# The variables of the job come as environment.ts has packed them: EXPORTED in number that a shell can export,
# and after them PASSED that only env(1), which is ENV, can set.

unset JOB_ENV_ENTER JOB_ENV_AWAIT JOB_ENV_EXEC
# As chdir(2): `..` is what the kernel says.
cd -P -- "$1" || exit 126
JOB_ENV_LEFT=$(($2 + $3)) JOB_ENV_EXPORTED=$2 JOB_ENV_TOOL=
[ "$3" = 0 ] || JOB_ENV_TOOL=$4
shift 4

# take: the last of the variables that are left, to $JOB_ENV_TAKEN.
take() {
  JOB_ENV_LEFT=$((JOB_ENV_LEFT - 1))
  eval "JOB_ENV_TAKEN=\$JOB_ENV_$JOB_ENV_LEFT\${JOB_MORE_$JOB_ENV_LEFT-}"
  unset "JOB_ENV_$JOB_ENV_LEFT" "JOB_MORE_$JOB_ENV_LEFT"
}

while [ "$JOB_ENV_LEFT" -gt "$JOB_ENV_EXPORTED" ]; do
  take
  set -- "$JOB_ENV_TAKEN" "$@"
done
[ -z "$JOB_ENV_TOOL" ] || set -- "$JOB_ENV_TOOL" -- "$@"
while [ "$JOB_ENV_LEFT" -gt 0 ]; do
  take
  export "$JOB_ENV_TAKEN"
done
# The shell's own; whoever wants them passes them through env(1).
unset PWD OLDPWD
exec "$@"
