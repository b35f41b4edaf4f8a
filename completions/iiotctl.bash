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
            " read") path=" read" ;;
            " simulate") path=" simulate" ;;
            " doctor") path=" doctor" ;;
            " explain") path=" explain" ;;
            " init") path=" init" ;;
            " completion") path=" completion" ;;
            " site") path=" site" ;;
            " site show") path=" site show" ;;
            " site check") path=" site check" ;;
            " site schema") path=" site schema" ;;
            " tags") path=" tags" ;;
            " tags list") path=" tags list" ;;
            " tags check") path=" tags check" ;;
        esac
    done
    case "$path $prev" in
        " read --every") values="@files" ;;
        " read --count") values="@files" ;;
        " read --unit") values="@files" ;;
        " read --timeout") values="@files" ;;
        " read --security") values="@files" ;;
        " read --user") values="@files" ;;
        " read --password-env") values="@files" ;;
        " read --format") values="table json jsonl csv parquet" ;;
        " read --output"|" read -o") values="@files" ;;
        " read --color") values="auto always never" ;;
        " simulate --host") values="@files" ;;
        " simulate --modbus-port") values="@files" ;;
        " simulate --opcua-port") values="@files" ;;
        " simulate --seed") values="@files" ;;
        " simulate --fault") values="@files" ;;
        " simulate --truth") values="@files" ;;
        " simulate --for") values="@files" ;;
        " simulate --write-site") values="@files" ;;
        " simulate --unknown-unit") values="gateway silent" ;;
        " simulate --color") values="auto always never" ;;
        " doctor --site") values="@files" ;;
        " doctor --store") values="@files" ;;
        " doctor --format") values="table json" ;;
        " doctor --color") values="auto always never" ;;
        " explain --format") values="table json" ;;
        " init --color") values="auto always never" ;;
        " site show --site") values="@files" ;;
        " site show --store") values="@files" ;;
        " site show --format") values="table json jsonl csv parquet" ;;
        " site show --output"|" site show -o") values="@files" ;;
        " site show --color") values="auto always never" ;;
        " site check --site") values="@files" ;;
        " site check --format") values="table json" ;;
        " site check --color") values="auto always never" ;;
        " site schema --output"|" site schema -o") values="@files" ;;
        " site schema --color") values="auto always never" ;;
        " tags list --source") values="@files" ;;
        " tags list --site") values="@files" ;;
        " tags list --format") values="table json jsonl csv parquet" ;;
        " tags list --output"|" tags list -o") values="@files" ;;
        " tags list --color") values="auto always never" ;;
        " tags check --source") values="@files" ;;
        " tags check --site") values="@files" ;;
        " tags check --format") values="table json jsonl csv parquet" ;;
        " tags check --output"|" tags check -o") values="@files" ;;
        " tags check --color") values="auto always never" ;;
    esac
    if [[ -n $values ]]; then
        [[ $values == "@files" ]] && values="" || { COMPREPLY=($(compgen -W "$values" -- "$cur")); return; }
        compopt -o default 2>/dev/null
        COMPREPLY=()
        return
    fi
    case "$path" in
        "") options="--version --debug -h --help"; words="read simulate doctor explain init completion site tags" ;;
        " read") options="--every --count --unit --timeout --security --user --password-env --trust-first --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " simulate") options="--host --modbus-port --opcua-port --seed --fault --truth --for --write-site --unknown-unit --quiet -q --verbose -v --color -h --help"; words="" ;;
        " doctor") options="--site --store --format --quiet -q --verbose -v --color -h --help"; words="" ;;
        " explain") options="--format -h --help"; words="" ;;
        " init") options="--quiet -q --verbose -v --color -h --help"; words="" ;;
        " completion") options="-h --help"; words="bash zsh fish powershell" ;;
        " site") options="-h --help"; words="show check schema" ;;
        " site show") options="--origin --site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " site check") options="--site --format --quiet -q --verbose -v --color -h --help"; words="" ;;
        " site schema") options="--output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " tags") options="-h --help"; words="list check" ;;
        " tags list") options="--source --site --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " tags check") options="--live --source --trust-first --site --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
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
