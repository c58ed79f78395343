#!/usr/bin/env bash
# kubectl runs this as `kubectl_complete-lockgate WORD…` to complete `kubectl lockgate WORD…`; the last word is the one at the cursor.
program=$(command -v lockgate || command -v kubectl-lockgate) || exit 1
source <("$program" completion bash) 2>/dev/null

COMP_WORDS=(lockgate "$@")
COMP_CWORD=$#
COMPREPLY=()
_lockgate lockgate "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null

# 4: these and no names of files; 0: the shell may name files.
if [ "${#COMPREPLY[@]}" -eq 0 ]; then
  echo ":0"
else
  printf '%s\n' "${COMPREPLY[@]}"
  echo ":4"
fi
