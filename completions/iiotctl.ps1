# PowerShell completion for iiotctl; made by `iiotctl completion powershell`
Register-ArgumentCompleter -Native -CommandName iiotctl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $commands = @{
        '' = @('read', 'simulate', 'doctor', 'explain', 'init', 'completion', 'site', 'tags', '--version', '--debug', '-h', '--help')
        'read' = @('--every', '--count', '--unit', '--timeout', '--security', '--user', '--password-env', '--trust-first', '--format', '--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'simulate' = @('--host', '--modbus-port', '--opcua-port', '--seed', '--fault', '--truth', '--for', '--write-site', '--unknown-unit', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'doctor' = @('--site', '--store', '--format', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'explain' = @('--format', '-h', '--help')
        'init' = @('--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'completion' = @('bash', 'zsh', 'fish', 'powershell', '-h', '--help')
        'site' = @('show', 'check', 'schema', '-h', '--help')
        'site show' = @('--origin', '--site', '--store', '--format', '--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'site check' = @('--site', '--format', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'site schema' = @('--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'tags' = @('list', 'check', '-h', '--help')
        'tags list' = @('--source', '--site', '--format', '--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
        'tags check' = @('--live', '--source', '--trust-first', '--site', '--format', '--output', '-o', '--quiet', '-q', '--verbose', '-v', '--color', '-h', '--help')
    }
    $values = @{
        'read --format' = @('table', 'json', 'jsonl', 'csv', 'parquet')
        'read --color' = @('auto', 'always', 'never')
        'simulate --unknown-unit' = @('gateway', 'silent')
        'simulate --color' = @('auto', 'always', 'never')
        'doctor --format' = @('table', 'json')
        'doctor --color' = @('auto', 'always', 'never')
        'explain --format' = @('table', 'json')
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
