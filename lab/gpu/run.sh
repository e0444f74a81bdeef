#!/bin/bash
# On a machine with an NVIDIA GPU and its driver, no network: checks the WebGPU backend, times it against PyTorch
# (if python3 has it), trains, and prints one table. Call it from each folder that pack.sh made; the work starts
# when the last piece is there, and goes on where it was stopped when it is called again:
#
#     carried/1/run.sh; carried/2/run.sh ...
#
#   WORK=/tmp/fer-gpu      everything is unpacked and kept here: runs, figures, stages that are done
#   OUT=$WORK/out          what to take home: results.json, table.md, profiles, the model as float16 in pieces
#   STAGES="check bench profile train"   which to do; one that is done is not repeated (AGAIN=1: it is)
#   TRAIN="..."            settings of fer train, beside data, name, device; precision=mixed is one
#   SPLIT=PublicTest       the part of the data that the trained network is judged on
#   BS=640 STEPS=30 ROUNDS=5 BENCH=""   batch, steps and turns of a measurement, other settings of fer bench
#   DATA=...               csv or synthetic:N to train on, if not what was carried
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
WORK=${WORK:-/tmp/fer-gpu}
OUT=${OUT:-$WORK/out}
STAGES=${STAGES:-check bench profile train}
mkdir -p "$WORK/pieces" "$WORK/done" "$WORK/results" "$OUT"

# Pieces to whole files, each checked before anything uses it.
for piece in "$here"/*.[0-9][0-9][0-9]; do [ -f "$piece" ] && cp -u "$piece" "$WORK/pieces/"; done
if [ -f "$here/sums" ]; then
  missing=
  while read -r sum name; do
    [ "$(cat "$WORK/have.$name" 2>/dev/null)" = "$sum" ] && continue
    cat "$WORK/pieces/$name".[0-9][0-9][0-9] >"$WORK/$name" 2>/dev/null
    if [ "$(sha256sum <"$WORK/$name" | cut -d' ' -f1)" != "$sum" ]; then missing="$missing $name"; continue; fi
    case $name in
      *.tar.xz) xz -dc "$WORK/$name" | tar -x -C "$WORK" || exit 1 ;;
      *.xz) xz -dc "$WORK/$name" >"$WORK/${name%.xz}" || exit 1 ;;
    esac
    echo "$sum" >"$WORK/have.$name"
  done <"$here/sums"
  if [ -n "$missing" ]; then echo "not whole yet:$missing; carry the other folders and call this again"; exit 0; fi
  cd "$WORK/fer" || exit 1
  export PATH="$WORK/fer/bin:$PATH"
else
  cd "$here/../.." || exit 1 # from a clone that is built
fi

# The loader and the driver's announcement, wherever this machine keeps them.
ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1' || export LD_LIBRARY_PATH="$PWD/lib:${LD_LIBRARY_PATH:-}"
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/tmp}
if [ -z "${VK_ICD_FILENAMES:-}${VK_DRIVER_FILES:-}" ]; then
  for icd in /usr/local/nvidia/share/vulkan /etc/vulkan /usr/share/vulkan /usr/local/share/vulkan; do
    [ -f "$icd/icd.d/nvidia_icd.json" ] && export VK_DRIVER_FILES="$icd/icd.d/nvidia_icd.json" && break
  done
  if [ -z "${VK_DRIVER_FILES:-}" ]; then
    library=$(ldconfig -p 2>/dev/null | sed -n 's/.*libGLX_nvidia\.so\.0.* => //p' | head -1)
    [ -n "$library" ] && export VK_DRIVER_FILES="$WORK/nvidia_icd.json" &&
      echo "{\"file_format_version\":\"1.0.0\",\"ICD\":{\"library_path\":\"$library\",\"api_version\":\"1.3.0\"}}" >"$VK_DRIVER_FILES"
  fi
  # Loaders before 1.3.207 know the older name only.
  [ -n "${VK_DRIVER_FILES:-}" ] && export VK_ICD_FILENAMES="$VK_DRIVER_FILES"
fi
DEVICE=${DEVICE:-gpu}
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null | tee "$WORK/results/gpu.txt"

results=$WORK/results
python=
for one in "${FER_PYTHON:-}" python3 /usr/bin/python3; do
  [ -n "$one" ] && "$one" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null && python=$one && break
done
[ -n "$python" ] && export FER_PYTHON=$(command -v "$python")

bench() { # bench FILE key=value...: in turns with PyTorch, or alone without it
  local file=$results/$1.json; shift
  if [ -n "$python" ]; then node lab/training.mjs "$@" json=true >"$file.tmp"; else
    local settings=(); for s in "$@"; do case $s in autocast=* | rounds=*) ;; *) settings+=("$s") ;; esac; done
    node dist/cli.js bench "${settings[@]}" json=true >"$file.tmp"
  fi && mv "$file.tmp" "$file" && cat "$file"
}
BS=${BS:-640}
export SPLIT=${SPLIT:-PublicTest}
common=(bs="$BS" steps="${STEPS:-30}" rounds="${ROUNDS:-5}" device="$DEVICE" ${BENCH:-})

stage_check() { node lab/gpu/check.mjs device="$DEVICE" widths="${WIDTHS:-8,64}" | tee "$results/check.json"; return "${PIPESTATUS[0]}"; }
stage_bench() {
  bench train-fp32 what=train "${common[@]}" && bench infer-fp32 what=infer "${common[@]}" &&
    bench train-mixed what=train precision=mixed autocast=fp16 "${common[@]}" &&
    bench infer-mixed what=infer precision=mixed autocast=fp16 "${common[@]}"
}
stage_profile() {
  local what width precision name
  width=$(sed -n 's/.* width=\([0-9]*\).*/\1/p' <<<" ${BENCH:-}")
  for what in train infer; do
    for precision in fp32 mixed; do
      name=$what-$precision
      node dist/cli.js bench what=$what precision=$precision bs="$BS" steps=10 device="$DEVICE" ${BENCH:-} profile=true json=true >"$results/profile-$name.json" &&
        node lab/gpu/roof.mjs measured="$results/profile-$name.json" precision=$precision width="${width:-64}" | tee "$results/roof-$name.md" || return 1
    done
  done
}
stage_train() {
  local data=${DATA:-} again=()
  [ -n "$data" ] || { [ -f "$WORK/fer2013.csv" ] && data=$WORK/fer2013.csv || data=synthetic:20000; }
  export FER_CACHE=$WORK/cache
  # shellcheck disable=SC2086
  if [ -f "$WORK/runs/gpu/last.safetensors" ]; then again=(resume=true); else again=(bs="$BS" ${TRAIN:-}); fi
  node dist/cli.js train data="$data" name=gpu runs="$WORK/runs" device="$DEVICE" curves=false "${again[@]}" || return 1
  cp "$WORK/runs/gpu/history.csv" "$WORK/runs/gpu/config.json" "$results/"
  node dist/cli.js evaluate model="$WORK/runs/gpu" data="$data" split="$SPLIT" device="$DEVICE" bs="$BS" json=true >"$results/evaluate.json" &&
    node lab/gpu/half.mjs "$WORK/runs/gpu/best.safetensors" "$OUT"
}

failed=0
for stage in $STAGES; do
  if [ -e "$WORK/done/$stage" ] && [ -z "${AGAIN:-}" ]; then echo "== $stage: done before"; continue; fi
  echo "== $stage"
  if "stage_$stage"; then touch "$WORK/done/$stage"; else echo "== $stage FAILED"; failed=1; [ "$stage" = check ] && break; fi
done
node lab/gpu/table.mjs "$results" | tee "$OUT/table.md"
tar -C "$WORK" -czf "$OUT/results.tar.gz" results
exit $failed
