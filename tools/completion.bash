# Bash completion for napier: commands, their options (asked from --help), model names, files.
_napier() {
    local cur=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "$("$program" --help 2>/dev/null |
            sed -n 's/^  \([a-z]\{1,\}\)  .*/\1/p') --help --version" -- "$cur"))
    elif [ "${COMP_WORDS[1]}" = lutcore ] && [ "$COMP_CWORD" -eq 2 ]; then
        COMPREPLY=($(compgen -W "$("$program" lutcore --help 2>/dev/null |
            sed -n 's/^  \([a-z]\{1,\}\)  .*/\1/p') --help" -- "$cur"))
    elif [ "${COMP_WORDS[1]}" = lutcore ] && [ "${cur#-}" != "$cur" ]; then
        COMPREPLY=($(compgen -W "$("$program" lutcore "${COMP_WORDS[2]}" --help 2>/dev/null |
            grep -oE -- '--[a-z][a-z0-9-]+')" -- "$cur"))
    elif [ "${COMP_WORDS[1]}" = help ]; then
        COMPREPLY=($(compgen -W "$("$program" --help 2>/dev/null |
            sed -n 's/^  \([a-z]\{1,\}\)  .*/\1/p')" -- "$cur"))
    elif [ "${cur#-}" != "$cur" ]; then
        COMPREPLY=($(compgen -W "$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null |
            grep -oE -- '--[a-z][a-z-]+')" -- "$cur"))
    else
        COMPREPLY=($(compgen -W "$("$program" list 2>/dev/null |
            sed -n '2,$s/ .*//p')" -- "$cur") $(compgen -f -- "$cur"))
    fi
}
complete -o filenames -F _napier napier
