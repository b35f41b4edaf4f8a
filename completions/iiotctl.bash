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
            " import") path=" import" ;;
            " backfill") path=" backfill" ;;
            " store") path=" store" ;;
            " store status") path=" store status" ;;
            " store seal") path=" store seal" ;;
            " store verify") path=" store verify" ;;
            " query") path=" query" ;;
            " last") path=" last" ;;
            " gaps") path=" gaps" ;;
            " doctor") path=" doctor" ;;
            " certificate") path=" certificate" ;;
            " certificate check") path=" certificate check" ;;
            " certificate show") path=" certificate show" ;;
            " certificate create") path=" certificate create" ;;
            " certificate trust") path=" certificate trust" ;;
            " explain") path=" explain" ;;
            " demo") path=" demo" ;;
            " simulate") path=" simulate" ;;
            " browse") path=" browse" ;;
            " guess") path=" guess" ;;
            " init") path=" init" ;;
            " service") path=" service" ;;
            " service unit") path=" service unit" ;;
            " site") path=" site" ;;
            " site show") path=" site show" ;;
            " site check") path=" site check" ;;
            " site schema") path=" site schema" ;;
            " tags") path=" tags" ;;
            " tags list") path=" tags list" ;;
            " tags check") path=" tags check" ;;
            " tags import") path=" tags import" ;;
            " completion") path=" completion" ;;
        esac
    done
    case "$path $prev" in
        " capture --for") values="@files" ;;
        " capture --source") values="@files" ;;
        " capture --sole-master-confirmed-by") values="@files" ;;
        " capture --ring") values="@files" ;;
        " capture --keep-around") values="@files" ;;
        " capture --before") values="@files" ;;
        " capture --after") values="@files" ;;
        " capture --ring-memory") values="@files" ;;
        " capture --completeness-to") values="@files" ;;
        " capture --log-format") values="text json" ;;
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
        " read --sole-master-confirmed-by") values="@files" ;;
        " read --format") values="table json jsonl csv parquet" ;;
        " read --output"|" read -o") values="@files" ;;
        " read --color") values="auto always never" ;;
        " import --timezone") values="@files" ;;
        " import --ambiguous") values="earlier later refuse" ;;
        " import --date-format") values="dmy mdy ymd" ;;
        " import --decimal") values="@files" ;;
        " import --quality") values="opc-da opc-ua" ;;
        " import --time-column") values="@files" ;;
        " import --tag-column") values="@files" ;;
        " import --value-column") values="@files" ;;
        " import --quality-column") values="@files" ;;
        " import --tag") values="@files" ;;
        " import --eng-unit") values="@files" ;;
        " import --map") values="@files" ;;
        " import --prefix") values="@files" ;;
        " import --encoding") values="@files" ;;
        " import --separator") values="@files" ;;
        " import --conflicts") values="keep store" ;;
        " import --rejects") values="@files" ;;
        " import --site") values="@files" ;;
        " import --store") values="@files" ;;
        " import --format") values="table json jsonl csv parquet" ;;
        " import --output"|" import -o") values="@files" ;;
        " import --color") values="auto always never" ;;
        " backfill --from") values="@files" ;;
        " backfill --to") values="@files" ;;
        " backfill --max-step") values="@files" ;;
        " backfill --site") values="@files" ;;
        " backfill --store") values="@files" ;;
        " backfill --format") values="table json jsonl csv parquet" ;;
        " backfill --output"|" backfill -o") values="@files" ;;
        " backfill --color") values="auto always never" ;;
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
        " certificate check --security") values="@files" ;;
        " certificate check --user") values="@files" ;;
        " certificate check --password-env") values="@files" ;;
        " certificate check --timeout") values="@files" ;;
        " certificate check --site") values="@files" ;;
        " certificate check --format") values="table json" ;;
        " certificate check --color") values="auto always never" ;;
        " certificate show --timeout") values="@files" ;;
        " certificate show --site") values="@files" ;;
        " certificate show --format") values="table json jsonl csv parquet" ;;
        " certificate show --output"|" certificate show -o") values="@files" ;;
        " certificate show --color") values="auto always never" ;;
        " certificate create --hostname") values="@files" ;;
        " certificate create --days") values="@files" ;;
        " certificate create --site") values="@files" ;;
        " certificate create --color") values="auto always never" ;;
        " certificate trust --fingerprint") values="@files" ;;
        " certificate trust --timeout") values="@files" ;;
        " certificate trust --site") values="@files" ;;
        " certificate trust --color") values="auto always never" ;;
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
        " browse --tags-csv") values="@files" ;;
        " browse --source") values="@files" ;;
        " browse --max-nodes") values="@files" ;;
        " browse --depth") values="@files" ;;
        " browse --profile") values="@files" ;;
        " browse --timeout") values="@files" ;;
        " browse --security") values="@files" ;;
        " browse --user") values="@files" ;;
        " browse --password-env") values="@files" ;;
        " browse --range") values="@files" ;;
        " browse --unit") values="@files" ;;
        " browse --delay") values="@files" ;;
        " browse --max-requests") values="@files" ;;
        " browse --sole-master-confirmed-by") values="@files" ;;
        " browse --site") values="@files" ;;
        " browse --format") values="table json jsonl csv parquet" ;;
        " browse --output"|" browse -o") values="@files" ;;
        " browse --color") values="auto always never" ;;
        " guess --registers") values="@files" ;;
        " guess --near") values="@files" ;;
        " guess --span") values="@files" ;;
        " guess --shows") values="@files" ;;
        " guess --every") values="@files" ;;
        " guess --for") values="@files" ;;
        " guess --unit") values="@files" ;;
        " guess --timeout") values="@files" ;;
        " guess --sole-master-confirmed-by") values="@files" ;;
        " guess --site") values="@files" ;;
        " guess --format") values="table json jsonl csv parquet" ;;
        " guess --output"|" guess -o") values="@files" ;;
        " guess --color") values="auto always never" ;;
        " init --from-browse") values="@files" ;;
        " init --path") values="@files" ;;
        " init --source") values="@files" ;;
        " init --max-nodes") values="@files" ;;
        " init --depth") values="@files" ;;
        " init --profile") values="@files" ;;
        " init --security") values="@files" ;;
        " init --user") values="@files" ;;
        " init --password-env") values="@files" ;;
        " init --color") values="auto always never" ;;
        " service unit --run-as") values="@files" ;;
        " service unit --site") values="@files" ;;
        " service unit --store") values="@files" ;;
        " service unit --output"|" service unit -o") values="@files" ;;
        " service unit --color") values="auto always never" ;;
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
        " tags check --sole-master-confirmed-by") values="@files" ;;
        " tags check --site") values="@files" ;;
        " tags check --format") values="table json jsonl csv parquet" ;;
        " tags check --output"|" tags check -o") values="@files" ;;
        " tags check --color") values="auto always never" ;;
        " tags import --source") values="@files" ;;
        " tags import --tool") values="@files" ;;
        " tags import --as") values="@files" ;;
        " tags import --prefix") values="@files" ;;
        " tags import --order") values="@files" ;;
        " tags import --modbus-base") values="@files" ;;
        " tags import --unit") values="@files" ;;
        " tags import --site") values="@files" ;;
        " tags import --output"|" tags import -o") values="@files" ;;
        " tags import --color") values="auto always never" ;;
    esac
    if [[ -n $values ]]; then
        [[ $values == "@files" ]] && values="" || { COMPREPLY=($(compgen -W "$values" -- "$cur")); return; }
        compopt -o default 2>/dev/null
        COMPREPLY=()
        return
    fi
    case "$path" in
        "") options="--version --debug -h --help"; words="capture read import backfill store query last gaps doctor certificate explain demo simulate browse guess init service site tags completion" ;;
        " capture") options="--for --dry-run --live --no-live --strict --source --trust-first --sole-master-confirmed-by --ring --keep-around --before --after --ring-memory --completeness-to --log-format --site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="status reload" ;;
        " capture status") options="--check --site --store --format --quiet -q --color -h --help"; words="" ;;
        " capture reload") options="--site --store --quiet -q --color -h --help"; words="" ;;
        " read") options="--every --count --unit --timeout --element --security --user --password-env --trust-first --sole-master-confirmed-by --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " import") options="--dry-run --timezone --ambiguous --date-format --decimal --quality --time-column --tag-column --value-column --quality-column --tag --eng-unit --map --prefix --encoding --separator --conflicts --rejects --strict --site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " backfill") options="--from --to --all --max-step --trust-first --site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " store") options="-h --help"; words="status seal verify" ;;
        " store status") options="--site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " store seal") options="--site --store --quiet -q --verbose -v --color -h --help"; words="" ;;
        " store verify") options="--site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " query") options="--from --to --force --unsafe --strict --site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " last") options="--strict --site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " gaps") options="--source --tag --reason --from --to --completeness --strict --site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " doctor") options="--site --store --format --quiet -q --verbose -v --color -h --help"; words="" ;;
        " certificate") options="-h --help"; words="check show create trust" ;;
        " certificate check") options="--connect --security --user --password-env --timeout --site --format --quiet -q --verbose -v --color -h --help"; words="" ;;
        " certificate show") options="--timeout --site --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " certificate create") options="--hostname --days --force --site --quiet -q --verbose -v --color -h --help"; words="" ;;
        " certificate trust") options="--fingerprint --yes --timeout --site --quiet -q --verbose -v --color -h --help"; words="" ;;
        " explain") options="--format -h --help"; words="" ;;
        " demo") options="--quiet -q --verbose -v --color -h --help"; words="" ;;
        " simulate") options="--host --modbus-port --opcua-port --seed --fault --truth --for --write-site --unknown-unit --quiet -q --verbose -v --color -h --help"; words="" ;;
        " browse") options="--values --tags-csv --toml --source --max-nodes --depth --profile --timeout --security --user --password-env --trust-first --range --unit --delay --max-requests --dry-run --sole-master-confirmed-by --site --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " guess") options="--registers --near --span --shows --every --for --once --all --unit --timeout --trust-first --sole-master-confirmed-by --site --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " init") options="--from-browse --path --source --max-nodes --depth --profile --security --user --password-env --trust-first --quiet -q --verbose -v --color -h --help"; words="" ;;
        " service") options="-h --help"; words="unit" ;;
        " service unit") options="--run-as --site --store --output -o --quiet -q --color -h --help"; words="" ;;
        " site") options="-h --help"; words="show check schema" ;;
        " site show") options="--origin --site --store --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " site check") options="--site --format --quiet -q --verbose -v --color -h --help"; words="" ;;
        " site schema") options="--output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " tags") options="-h --help"; words="list check import" ;;
        " tags list") options="--source --site --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " tags check") options="--live --source --trust-first --sole-master-confirmed-by --site --format --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
        " tags import") options="--source --tool --as --prefix --order --modbus-base --unit --merge --dry-run --site --output -o --quiet -q --verbose -v --color -h --help"; words="" ;;
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
