# PowerShell completion for iiotctl; made by `iiotctl completion powershell`
Register-ArgumentCompleter -Native -CommandName iiotctl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $commands = @{
        '' = @('capture', 'read', 'store', 'query', 'last', 'gaps', 'doctor', 'explain', 'demo', 'simulate', 'init', 'site', 'tags', 'completion', '--version', '--debug', '-h', '--help')
        'capture' = @('status', 'reload', '--for', '--dry-run', '--live', '--no-live', '--strict', '--source', '--trust-first', '--site', '--store', '--format', '--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'capture status' = @('--site', '--store', '--format', '--quiet', '-q', '--color', '-h', '--help')
        'capture reload' = @('--site', '--store', '--quiet', '-q', '--color', '-h', '--help')
        'read' = @('--every', '--count', '--unit', '--timeout', '--element', '--security', '--user', '--password-env', '--trust-first', '--format', '--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'store' = @('status', 'seal', 'verify', '-h', '--help')
        'store status' = @('--site', '--store', '--format', '--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'store seal' = @('--site', '--store', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'store verify' = @('--site', '--store', '--format', '--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'query' = @('--from', '--to', '--force', '--unsafe', '--strict', '--site', '--store', '--format', '--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'last' = @('--strict', '--site', '--store', '--format', '--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'gaps' = @('--source', '--tag', '--reason', '--from', '--to', '--strict', '--site', '--store', '--format', '--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'doctor' = @('--site', '--store', '--format', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'explain' = @('--format', '-h', '--help')
        'demo' = @('--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'simulate' = @('--host', '--modbus-port', '--opcua-port', '--seed', '--fault', '--truth', '--for', '--write-site', '--unknown-unit', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'init' = @('--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'site' = @('show', 'check', 'schema', '-h', '--help')
        'site show' = @('--origin', '--site', '--store', '--format', '--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'site check' = @('--site', '--format', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'site schema' = @('--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'tags' = @('list', 'check', '-h', '--help')
        'tags list' = @('--source', '--site', '--format', '--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'tags check' = @('--live', '--source', '--trust-first', '--site', '--format', '--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'completion' = @('bash', 'zsh', 'fish', 'powershell', '-h', '--help')
    }
    $values = @{
        'capture --format' = @('table', 'json', 'jsonl', 'csv', 'parquet')
        'capture --color' = @('auto', 'always', 'never')
        'capture status --format' = @('table', 'json')
        'capture status --color' = @('auto', 'always', 'never')
        'capture reload --color' = @('auto', 'always', 'never')
        'read --format' = @('table', 'json', 'jsonl', 'csv', 'parquet')
        'read --color' = @('auto', 'always', 'never')
        'store status --format' = @('table', 'json', 'jsonl', 'csv', 'parquet')
        'store status --color' = @('auto', 'always', 'never')
        'store seal --color' = @('auto', 'always', 'never')
        'store verify --format' = @('table', 'json', 'jsonl', 'csv', 'parquet')
        'store verify --color' = @('auto', 'always', 'never')
        'query --format' = @('table', 'json', 'jsonl', 'csv', 'parquet')
        'query --color' = @('auto', 'always', 'never')
        'last --format' = @('table', 'json', 'jsonl', 'csv', 'parquet')
        'last --color' = @('auto', 'always', 'never')
        'gaps --format' = @('table', 'json', 'jsonl', 'csv', 'parquet')
        'gaps --color' = @('auto', 'always', 'never')
        'doctor --format' = @('table', 'json')
        'doctor --color' = @('auto', 'always', 'never')
        'explain --format' = @('table', 'json')
        'demo --color' = @('auto', 'always', 'never')
        'simulate --unknown-unit' = @('gateway', 'silent')
        'simulate --color' = @('auto', 'always', 'never')
        'init --color' = @('auto', 'always', 'never')
        'site show --format' = @('table', 'json', 'jsonl', 'csv', 'parquet')
        'site show --color' = @('auto', 'always', 'never')
        'site check --format' = @('table', 'json')
        'site check --color' = @('auto', 'always', 'never')
        'site schema --color' = @('auto', 'always', 'never')
        'tags list --format' = @('table', 'json', 'jsonl', 'csv', 'parquet')
        'tags list --color' = @('auto', 'always', 'never')
        'tags check --format' = @('table', 'json', 'jsonl', 'csv', 'parquet')
        'tags check --color' = @('auto', 'always', 'never')
    }
    $path = ''
    $previous = ''
    foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
        $word = $element.ToString()
        if ($element.Extent.EndOffset -ge $cursorPosition -and $wordToComplete) { break }
        $next = if ($path) { "$path $word" } else { $word }
        if ($commands.ContainsKey($next)) { $path = $next }
        $previous = $word
    }
    $key = "$path $previous".Trim()
    $candidates = if ($values.ContainsKey($key)) { $values[$key] } else { $commands[$path] }
    $candidates | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }
}
