# fish completion for iiotctl; made by `iiotctl completion fish`
function __iiotctl_at
    set -l path
    for word in (commandline -opc)[2..-1]
        set -l next (string join ' ' $path $word)
        contains -- $next $__iiotctl_paths; and set path $path $word
    end
    test (string join " " $path) = "$argv[1]"
end
set -g __iiotctl_paths 'explain' 'completion'
complete -c iiotctl -n '__iiotctl_at ""' -f -a explain -d 'Say what an error id means and what to do about it.'
complete -c iiotctl -n '__iiotctl_at ""' -f -a completion -d 'Print the completion script of a shell.'
complete -c iiotctl -n '__iiotctl_at ""' -l version -d 'Show the version.'
complete -c iiotctl -n '__iiotctl_at ""' -l debug -d 'Show tracebacks; also IIOTCTL_DEBUG=1.'
complete -c iiotctl -n '__iiotctl_at ""' -s h -l help -d 'Show help and exit.'
complete -c iiotctl -n '__iiotctl_at "explain"' -l format -x -a 'table json' -d 'table or json.'
complete -c iiotctl -n '__iiotctl_at "explain"' -s h -l help -d 'Show help and exit.'
complete -c iiotctl -n '__iiotctl_at "completion"' -f -a 'bash zsh fish powershell'
complete -c iiotctl -n '__iiotctl_at "completion"' -s h -l help -d 'Show help and exit.'
