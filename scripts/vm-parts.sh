#!/usr/bin/env bash
# What scripts/vm-igb.sh and scripts/vm-rxe.sh share: kernels, libraries and archives for guests. To be sourced.
# `kept` is the folder where such things are kept, `fail` says what is wrong and ends.

# Unpacks the kernel on which the package $1 depends into $kept/kernel, and the modules $2… into $kept/kernel/modules,
# which are listed in the order in which they are to be loaded.
fetch_kernel() {
    : "${kept:?}"
    [ -f "$kept/kernel/done" ] && return
    local scripts=$PWD/scripts
    rm -rf "$kept/kernel"
    mkdir -p "$kept/kernel/modules"
    (
        cd "$kept/kernel" || exit
        # Lists of its own: this machine may never have read any.
        apt() { "$scripts/apt-with.sh" "$kept/apt" source "$@"; }
        package=$(apt apt-cache depends "$1" | sed -n 's/^ *Depends: *\(linux-image-[0-9].*\)/\1/p' | head -n 1)
        [ -n "$package" ] || fail "the package sources know no $1"
        apt apt-get download -q "$package" >download.log 2>&1 || fail "cannot fetch $package: $(tail -n 1 download.log)"
        dpkg-deb -x linux-image-*.deb .
        rm -f linux-image-*.deb
        mv boot/vmlinuz-* vmlinuz
        shift
        version=$(ls lib/modules)
        depmod -b . "$version"
        for module in "$@"; do
            # What is built in or was a module of older kernels only has no path.
            { modprobe -d . -S "$version" --show-depends "$module" 2>/dev/null || true; } | awk '$1 == "insmod" { print $2 }' |
                while read -r path; do
                    name=$(basename "$path")
                    name=${name%.ko*}
                    grep -qx "$name" modules/order 2>/dev/null && continue
                    case "$path" in
                    *.xz) xz -dc "$path" >"modules/$name.ko" ;;
                    *.zst) zstd -dcq "$path" >"modules/$name.ko" ;;
                    *) cp "$path" "modules/$name.ko" ;;
                    esac
                    echo "$name" >>modules/order
                done
        done
        rm -rf boot lib usr
        touch "$kept/kernel/done"
    )
}

# The libraries that the programs $2… need, below $1 at the places where the loader looks for them. Where those are links
# they stay links: a library that the loader finds in two files would be loaded twice.
copy_libraries() {
    local root=$1 path real place
    shift
    for path in $(for program in "$@"; do ldd "$program" 2>/dev/null || true; done | grep -o '/[^ ]*' | sort -u); do
        real=$(readlink -f "$path")
        place=$(readlink -f "$(dirname "$path")")/$(basename "$path")
        mkdir -p "$root$(dirname "$real")" "$root$(dirname "$place")"
        [ -e "$root$real" ] || cp "$real" "$root$real"
        [ "$real" = "$place" ] || ln -sf "$real" "$root$place"
    done
    # The name of the loader itself is written into every program.
    mkdir -p "$root/usr/lib64"
    [ -e "$root/usr/lib64/ld-linux-x86-64.so.2" ] || cp -L /lib64/ld-linux-x86-64.so.2 "$root/usr/lib64/"
}

# Packs the folder $1 into the archive $2.
pack() {
    (cd "$1" && find . -print0 | cpio --quiet -0 -o -H newc -R 0:0 >"$2.new")
    mv "$2.new" "$2"
}
