#!/bin/sh
# install.sh CC MODEL: installs the build into a folder of its own, moves it elsewhere, and builds an
# example against it with nothing but pkg-config, once with the shared and once with the static
# library. Run in the build folder.
set -eu
cc=$1 model=$2
source=$NAPIER_SOURCE_DIR
command -v pkg-config >/dev/null || exit 77
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cmake --install . --prefix "$dir/first" >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
mv "$dir/first" "$dir/moved"
pc=$(find "$dir/moved" -name napier.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
libdir=$(pkg-config --variable=libdir napier)
cp "$source/examples/01_generate.c" "$dir/"
$cc -std=c11 -Wall -Wextra -Werror $(pkg-config --cflags napier) -o "$dir/shared" \
    "$dir/01_generate.c" $(pkg-config --libs napier)
LD_LIBRARY_PATH=$libdir "$dir/shared" "$model" hello >"$dir/out.shared"
rm -f "$libdir"/libnapier.so*
$cc -std=c11 -Wall -Wextra -Werror $(pkg-config --cflags napier) -o "$dir/static" \
    "$dir/01_generate.c" $(pkg-config --static --libs napier)
"$dir/static" "$model" hello >"$dir/out.static"
cmp "$dir/out.shared" "$dir/out.static"
grep -q hello "$dir/out.static"
"$dir/moved/bin/napier" --version | grep -q '^napier '
test -s "$(find "$dir/moved" -name napier.1)"
echo "installed, moved, built against and run"
