/**
 * The option or argument that each field of a request comes from, by the field's name in the proto;
 * `null` for fields that users do not set. The daemon's messages name fields, but users type options.
 */
export const OPTION_OF_FIELD: Readonly<Record<string, string | null>> = {
  "command": "<command>",
  "command.name": "<command>",
  "command.args": "<command>",
  "command.env": "--env",
  "command.working_directory": "--cwd",
  "labels": "--label",
  "name": "--name",
  "request_id": "--request-id",
  "queue": "--queue",
  "on": "--on",
  "notify": "--notify",
  "on.host": "--on",
  "on.labels": "--on",
  "priority": "--priority",
  "if_host_lost": "--if-host-lost",
  "log_limit.bytes": "--log-limit",
  "log_limit.policy": "--log-policy",
  "execution.user": "--user",
  "execution.umask": "--umask",
  "execution.nice": "--nice",
  "execution.timeout": "--timeout",
  "execution.grace_period": "--grace",
  "execution.limits.memory_bytes": "--memory",
  "execution.limits.cpus": "--cpus",
  "execution.limits.processes": "--processes",
  "execution.has_input": "--interactive",
  "job_id": "<jobId>",
  "stop_signal": "--signal",
  "grace_period": "--grace",
  "signal": "<signal>",
  "timeout": "--timeout",
  "filter.statuses": "<status>",
  "filter.owner": "--owner",
  "filter.labels": "--label",
  "filter.started_after": "--since",
  "filter.started_before": "--until",
  "filter.job_id_prefix": "<jobId>",
  "filter.job_id_suffix": "<jobId>",
  "filter.name": "--name",
  "filter.host": "--host",
  // Asked for those who name their last job.
  "own": null,
  // What the page asks for.
  "counts": null,
  "newest": null,
  "page_size": "--limit",
  "page_token": null,
  "streams": "<streams>",
  "follow": "--follow",
  "tail_lines": "--tail",
  "since": "--since",
  // What many hosts and jobs are called is asked of the hub.
  "targets": null,
  "job_ids": null,
  // Positions in logs and inputs, which nobody types.
  "offset": null,
  "end_offset": null,
  "batch_bytes": null,
  "data": null,
  "end": null,
  "max_age": "--older-than",
  "max_count": "--keep",
  "max_bytes": "--keep-bytes",
  "dry_run": "--dry-run",
  "user": "--user",
  "job_id_prefix": "--job",
  "method": "--method",
  "denied_only": "--denied",
  "position": null,
  "owner": "--owner",
};

/** The message of an error, with the options that the user has typed instead of the fields. */
export function inWordsOfLine(message: string, field: string | undefined): string {
  if (field === undefined || !Object.hasOwn(OPTION_OF_FIELD, field)) return message;
  const option = OPTION_OF_FIELD[field] ?? null;
  if (option === null) return message;
  const quoted = `\`${field}\``;
  if (message.includes(quoted)) return message.replaceAll(quoted, option);
  const named = new RegExp(`^(Invalid|Missing|Unknown value in) ${RegExp.escape(field)}\\b`);
  const [found, state = ""] = named.exec(message) ?? [];
  if (found !== undefined) {
    // The name of a label or variable may follow.
    return `${state} ${option}${message.slice(found.length).replace(/^\./, " ")}`;
  }
  // A message that does not name the field already says which part of the command it is about.
  return option.startsWith("--") ? `${option}: ${message}` : message;
}
