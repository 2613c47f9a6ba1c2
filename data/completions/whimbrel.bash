# SPDX-License-Identifier: GPL-3.0-or-later
_whimbrel()
{
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
  local word command= sub= options='--server --key --json --help'
  local commands='run status channel pair send chats messages listen outbox webhook key backup docs help'
  local i

  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      -*) ;;
      *)
        case ${COMP_WORDS[i - 1]} in
          --server | --key) continue ;;
        esac
        if [ -z "$command" ]; then
          command=$word
        elif [ -z "$sub" ]; then
          sub=$word
        fi
        ;;
    esac
  done
  case $prev in
    --secret-file)
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    --server | --key | --sandbox | --code | --timeout | --quoted | --idempotency-key | --channel \
      | --limit | --event | --after | --count | --department)
      return
      ;;
  esac
  case $command in
    '') options+=" --version" ;;
    run) options+=' --sandbox --once' ;;
    pair) options+=' --code --timeout' ;;
    send) options+=' --wait --timeout --quoted --idempotency-key' ;;
    chats | messages | outbox) options+=' --channel --limit' ;;
    listen) options+=' --channel --event --after --count --timeout' ;;
    backup) options+=' --force' ;;
    channel) [ "$sub" = create ] && options+=' --department --no-auto-connect' ;;
    webhook)
      case $sub in
        list) options+=' --channel --limit' ;;
        add) options+=' --channel --event --secret-file' ;;
      esac
      ;;
    key) [ "$sub" = create ] && options+=' --channel --admin --read-only' ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    return
  fi
  [ "$command" = help ] && command=$sub sub=
  case $command:$sub in
    :) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
    channel:) mapfile -t COMPREPLY < <(
      compgen -W 'list create show connect disconnect logout delete' -- "$cur") ;;
    webhook:) mapfile -t COMPREPLY < <(compgen -W 'list add delete test' -- "$cur") ;;
    key:) mapfile -t COMPREPLY < <(compgen -W 'list create delete' -- "$cur") ;;
    outbox:) mapfile -t COMPREPLY < <(compgen -W 'cancel' -- "$cur") ;;
    backup:*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
  esac
}
complete -F _whimbrel whimbrel
