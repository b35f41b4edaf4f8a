# PowerShell completion for iiotctl; made by `iiotctl completion powershell`
Register-ArgumentCompleter -Native -CommandName iiotctl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $commands = @{
        '' = @('explain', 'completion', '--version', '--debug', '-h', '--help')
        'explain' = @('--format', '-h', '--help')
        'completion' = @('bash', 'zsh', 'fish', 'powershell', '-h', '--help')
    }
    $values = @{
        'explain --format' = @('table', 'json')
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
