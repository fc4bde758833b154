#!/bin/sh
# Runs an apt command with package sources that the system itself does not have switched on, and
# leaves the system's own sources and package lists as they are.
#
#     scripts/apt-with.sh FOLDER backports COMMAND…    as well: the release's backports
#     scripts/apt-with.sh FOLDER source COMMAND…       as well: source packages (deb-src)
#
# Every further source is derived from those that are configured: the same mirror, the same keys. The
# derived sources and their package lists are kept in FOLDER; only `apt-get install` changes more than
# that. Fails when the mirror does not have what is asked for.
set -eu

fail() {
    echo "apt-with.sh: $*" >&2
    exit 1
}

[ $# -ge 3 ] || fail "usage: scripts/apt-with.sh FOLDER backports|source COMMAND…"
mkdir -p "$1/$2/sources.list.d" "$1/$2/lists/partial"
folder=$(cd "$1/$2" && pwd)
kind=$2
shift 2

# shellcheck disable=SC1091 # a file of the system's
codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
[ -n "$codename" ] || fail "/etc/os-release names no release"

# Entries of the form "Key: value", separated by empty lines (sources.list(5), deb822).
derive_entries() {
    awk -v kind="$kind" -v code="$codename" 'BEGIN { RS = ""; ORS = "\n\n" }
        /(^|\n)Enabled:[ \t]*(no|false)/ { next }
        kind == "source" && sub(/Types:[^\n]*/, "Types: deb-src") { print }
        kind == "backports" && $0 ~ ("Suites:[^\n]* " code "( |\n|$)") {
            sub(/Suites:[^\n]*/, "Suites: " code "-backports")
            sub(/Types:[^\n]*/, "Types: deb")
            print
        }' "$1"
}

# Entries of one line: "deb [options] mirror suite components".
derive_lines() {
    if [ "$kind" = source ]; then
        sed -nE 's/^[ \t]*deb[ \t]/deb-src /p' "$1"
    else
        sed -nE "s/^[ \t]*(deb[ \t].*[ \t])$codename([ \t])/\1$codename-backports\2/p" "$1"
    fi
}

rm -f "$folder"/sources.list.d/*
touch "$folder/sources.list"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    [ -f "$file" ] || continue
    name=$(basename "$file")
    case "$name" in
    *.sources)
        cp "$file" "$folder/sources.list.d/$name"
        derive_entries "$file" >"$folder/sources.list.d/more-$name"
        ;;
    *.list)
        cp "$file" "$folder/sources.list.d/$name"
        derive_lines "$file" >"$folder/sources.list.d/more-$name"
        ;;
    esac
done

cat >"$folder/apt.conf" <<END
Dir::Etc::sourcelist "$folder/sources.list";
Dir::Etc::sourceparts "$folder/sources.list.d";
Dir::State::lists "$folder/lists";
APT::Sandbox::User "root";
END
export APT_CONFIG="$folder/apt.conf"

# Package lists of the last hour are new enough: mirrors change a few times a day.
if [ -z "$(find "$folder/fetched" -mmin -60 2>/dev/null)" ]; then
    apt-get update -q >"$folder/update.log" 2>&1 || fail "the configured mirror has no $kind of $codename: $(tail -n 3 "$folder/update.log")"
    touch "$folder/fetched"
fi
exec "$@"
