#!/usr/bin/env bash
# Builds the sandbox's images. Where no image registry can be reached, their base is made from Debian's packages by
# debootstrap (as root). What is there already is kept; --force builds it again.
set -euo pipefail
cd "$(dirname "$0")"
base=debian:bookworm-slim
force=
case "${1-}" in
  '') ;;
  --force) force=1 ;;
  *) echo "Usage: $0 [--force]"; exit 2 ;;
esac

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n -E "$@"; fi
}

# Says what failed without the package managers' own output, which names the machine's mirrors.
quietly() {
  local log
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1; then
    echo "failed: $*"
    sed -E 's#[a-z]+://[^ "'\'']+#<address>#g' "$log" | tail -n 15
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

have() { docker image inspect "$1" >/dev/null 2>&1; }

if ! have "$base"; then
  if timeout 60 docker pull -q "$base" >/dev/null 2>&1; then
    echo "Pulled $base"
  else
    echo "Making $base from Debian's packages: 1 to 3 minutes"
    command -v debootstrap >/dev/null || { echo 'debootstrap is missing: apt-get install debootstrap'; exit 1; }
    root=$(mktemp -d)
    trap 'as_root rm -rf "$root"' EXIT
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null \
      | sed -nE 's#^(deb|URIs:)[[:space:]]+(\[[^]]*\][[:space:]]+)?(https?://[^[:space:]]+/debian)/?([[:space:]].*)?$#\3#p' \
      | head -n 1 || true)
    quietly as_root debootstrap --variant=minbase bookworm "$root" ${mirror:+"$mirror"}
    as_root rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    as_root tar -C "$root" -c . | docker import - "$base" >/dev/null
  fi
fi

for language in python node; do
  image=gatehouse/sandbox-$language:1
  if [ -z "$force" ] && have "$image"; then continue; fi
  echo "Building $image"
  # The host's network, because the packages come from the host's mirror. It serves the build only.
  quietly docker build --network host -t "$image" "$language"
done
docker image ls --format '{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}' --filter reference='gatehouse/sandbox-*'
