# bash completion for iiotctl; made by `iiotctl completion bash`
_iiotctl() {
    local cur prev path="" word options="" words="" values=""
    local -i i
    cur="${COMP_WORDS[COMP_CWORD]}"
    prev="${COMP_WORDS[COMP_CWORD-1]}"
    # bash splits `--format=json` at the equals sign
    [[ $cur == "=" ]] && cur=""
    [[ $prev == "=" ]] && prev="${COMP_WORDS[COMP_CWORD-2]}"
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        case "$path $word" in
            " explain") path=" explain" ;;
            " completion") path=" completion" ;;
        esac
    done
    case "$path $prev" in
        " explain --format") values="table json" ;;
    esac
    if [[ -n $values ]]; then
        [[ $values == "@files" ]] && values="" || { COMPREPLY=($(compgen -W "$values" -- "$cur")); return; }
        compopt -o default 2>/dev/null
        COMPREPLY=()
        return
    fi
    case "$path" in
        "") options="--version --debug -h --help"; words="explain completion" ;;
        " explain") options="--format -h --help"; words="" ;;
        " completion") options="-h --help"; words="bash zsh fish powershell" ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
    elif [[ -n $words ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$cur"))
    else
        compopt -o default 2>/dev/null
        COMPREPLY=()
    fi
}
complete -F _iiotctl iiotctl
