/**
 * The completion script of each shell. It is a few lines long: it asks `worker-cli __complete` what can follow, so all
 * shells offer the same, and what is true now. Where a file or directory fits, that says so in place of words, and the
 * shell completes it in its own way.
 *
 * @module
 */

/** The supported shells. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

export type Shell = typeof SHELLS[number];

/** What `__complete` prints in place of words. */
export const SHELL_COMPLETES = { files: ":files", directories: ":directories" } as const;

const { files, directories } = SHELL_COMPLETES;

export const COMPLETION_SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# Completion of worker-cli for bash: source <(worker-cli completions bash)
_worker_cli() {
  local line=\${COMP_LINE:0:COMP_POINT} words found lead
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  mapfile -t found < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null | cut -f 1)
  COMPREPLY=()
  case \${found[0]} in
    ${files}) compopt -o default ;;
    ${directories}) compopt -o dirnames ;;
    *)
      # Where a word has = or :, bash completes only what follows.
      lead=\${words[-1]%"$2"}
      COMPREPLY=("\${found[@]#"$lead"}")
      ;;
  esac
}
complete -F _worker_cli worker-cli`,
  zsh: `#compdef worker-cli
# Completion of worker-cli for zsh: source <(worker-cli completions zsh), after compinit
_worker_cli() {
  local -a found
  local lead=""
  found=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ \${words[CURRENT]} == --*=* ]]; then
    lead=\${words[CURRENT]%%=*}=
    compset -P 1 '*='
  fi
  case \${found[1]} in
    ${files}) _files ;;
    ${directories}) _files -/ ;;
    ?*)
      found=("\${(@)found#$lead}")
      found=("\${(@)found//:/\\\\:}")
      found=("\${(@)found/$'\\t'/:}")
      _describe -V worker-cli found
      ;;
  esac
}
compdef _worker_cli worker-cli`,
  fish: `# Completion of worker-cli for fish: worker-cli completions fish | source
function __worker_cli
    set -l words (commandline -opc) (commandline -ct)
    set -l found ($words[1] __complete -- $words[2..] 2>/dev/null)
    set -l lead (string match -r -- '^--[^=]*=' $words[-1])
    set -l value (string replace -r -- '^--[^=]*=' '' $words[-1])
    switch "$found[1]"
        case ${files}
            __fish_complete_path $value | string replace -r -- '^' "$lead"
        case ${directories}
            __fish_complete_directories $value | string replace -r -- '^' "$lead"
        case '*'
            string join \\n -- $found
    end
end
complete -c worker-cli -f -k -a '(__worker_cli)'`,
};
