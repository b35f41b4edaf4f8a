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
            " capture") path=" capture" ;;
            " capture status") path=" capture status" ;;
            " capture reload") path=" capture reload" ;;
            " read") path=" read" ;;
            " store") path=" store" ;;
            " store status") path=" store status" ;;
            " store seal") path=" store seal" ;;
            " store verify") path=" store verify" ;;
            " query") path=" query" ;;
            " last") path=" last" ;;
            " gaps") path=" gaps" ;;
            " doctor") path=" doctor" ;;
            " explain") path=" explain" ;;
            " demo") path=" demo" ;;
            " simulate") path=" simulate" ;;
            " init") path=" init" ;;
            " site") path=" site" ;;
            " site show") path=" site show" ;;
            " site check") path=" site check" ;;
            " site schema") path=" site schema" ;;
            " tags") path=" tags" ;;
            " tags list") path=" tags list" ;;
            " tags check") path=" tags check" ;;
            " completion") path=" completion" ;;
        esac
    done
    case "$path $prev" in
        " capture --for") values="@files" ;;
        " capture --source") values="@files" ;;
        " capture --site") values="@files" ;;
        " capture --store") values="@files" ;;
        " capture --format") values="table json jsonl csv parquet" ;;
        " capture --output"|" capture -o") values="@files" ;;
        " capture --color") values="auto always never" ;;
        " capture status --site") values="@files" ;;
        " capture status --store") values="@files" ;;
        " capture status --format") values="table json" ;;
        " capture status --color") values="auto always never" ;;
        " capture reload --site") values="@files" ;;
        " capture reload --store") values="@files" ;;
        " capture reload --color") values="auto always never" ;;
        " read --every") values="@files" ;;
        " read --count") values="@files" ;;
        " read --unit") values="@files" ;;
        " read --timeout") values="@files" ;;
        " read --element") values="@files" ;;
        " read --security") values="@files" ;;
        " read --user") values="@files" ;;
        " read --password-env") values="@files" ;;
        " read --format") values="table json jsonl csv parquet" ;;
        " read --output"|" read -o") values="@files" ;;
        " read --color") values="auto always never" ;;
        " store status --site") values="@files" ;;
        " store status --store") values="@files" ;;
        " store status --format") values="table json jsonl csv parquet" ;;
        " store status --output"|" store status -o") values="@files" ;;
        " store status --color") values="auto always never" ;;
        " store seal --site") values="@files" ;;
        " store seal --store") values="@files" ;;
        " store seal --color") values="auto always never" ;;
        " store verify --site") values="@files" ;;
        " store verify --store") values="@files" ;;
        " store verify --format") values="table json jsonl csv parquet" ;;
        " store verify --output"|" store verify -o") values="@files" ;;
        " store verify --color") values="auto always never" ;;
        " query --from") values="@files" ;;
        " query --to") values="@files" ;;
        " query --site") values="@files" ;;
        " query --store") values="@files" ;;
        " query --format") values="table json jsonl csv parquet" ;;
        " query --output"|" query -o") values="@files" ;;
        " query --color") values="auto always never" ;;
        " last --site") values="@files" ;;
        " last --store") values="@files" ;;
        " last --format") values="table json jsonl csv parquet" ;;
        " last --output"|" last -o") values="@files" ;;
        " last --color") values="auto always never" ;;
        " gaps --source") values="@files" ;;
        " gaps --tag") values="@files" ;;
        " gaps --reason") values="@files" ;;
        " gaps --from") values="@files" ;;
        " gaps --to") values="@files" ;;
        " gaps --site") values="@files" ;;
        " gaps --store") values="@files" ;;
        " gaps --format") values="table json jsonl csv parquet" ;;
        " gaps --output"|" gaps -o") values="@files" ;;
        " gaps --color") values="auto always never" ;;
        " doctor --site") values="@files" ;;
        " doctor --store") values="@files" ;;
        " doctor --format") values="table json" ;;
        " doctor --color") values="auto always never" ;;
        " explain --format") values="table json" ;;
        " demo --color") values="auto always never" ;;
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
        "") options="--version --debug -h --help"; words="capture read store query last gaps doctor explain demo simulate init site tags completion" ;;
        " capture") options="--for --dry-run --live --no-live --strict --source --trust-first --site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="status reload" ;;
        " capture status") options="--site --store --format --quiet -q --color -h --help"; words="" ;;
        " capture reload") options="--site --store --quiet -q --color -h --help"; words="" ;;
        " read") options="--every --count --unit --timeout --element --security --user --password-env --trust-first --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " store") options="-h --help"; words="status seal verify" ;;
        " store status") options="--site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " store seal") options="--site --store --quiet -q --verbose -v --color -h --help"; words="" ;;
        " store verify") options="--site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " query") options="--from --to --force --unsafe --strict --site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " last") options="--strict --site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " gaps") options="--source --tag --reason --from --to --strict --site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " doctor") options="--site --store --format --quiet -q --verbose -v --color -h --help"; words="" ;;
        " explain") options="--format -h --help"; words="" ;;
        " demo") options="--quiet -q --verbose -v --color -h --help"; words="" ;;
        " simulate") options="--host --modbus-port --opcua-port --seed --fault --truth --for --write-site --unknown-unit --quiet -q --verbose -v --color -h --help"; words="" ;;
        " init") options="--quiet -q --verbose -v --color -h --help"; words="" ;;
        " site") options="-h --help"; words="show check schema" ;;
        " site show") options="--origin --site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " site check") options="--site --format --quiet -q --verbose -v --color -h --help"; words="" ;;
        " site schema") options="--output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " tags") options="-h --help"; words="list check" ;;
        " tags list") options="--source --site --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " tags check") options="--live --source --trust-first --site --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
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
