#!/usr/bin/env bash
# The main job on a bare Debian 12: an image that holds what debootstrap calls minbase, and nothing else.
# Usage, as root, with debootstrap: tests/benchmarks/bare_debian.sh FOLDER [option of .ci/ecommerce…]
# The checkout lies in a folder whose name is hard on shells; set-up may use the package index, the run goes with a dead proxy, umask 077 and LC_ALL=C.
# pip's configuration and certificate go into the image. BIND: folders that package clients need, separated by blanks; they can only be read there.
set -euo pipefail
checkout=$(cd "$(dirname "$0")/../.." && pwd)
image=$1/image
shift
umask 022
if [ ! -e "$image/complete" ]; then
  mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
  debootstrap --variant=minbase bookworm "$image" ${mirror:+"$mirror"}
  cp /etc/resolv.conf "$image/etc/"
  cp -r /etc/apt/apt.conf.d/. "$image/etc/apt/apt.conf.d/"
  if [ -d /etc/apt/sources.list.d ]; then cp -r /etc/apt/sources.list.d/. "$image/etc/apt/sources.list.d/" && : > "$image/etc/apt/sources.list"; fi
  touch "$image/complete"
fi
place="/root/R&D é (1)"
rm -rf "${image:?}$place"
git clone --quiet --no-hardlinks "$checkout" "$image$place"
for file in /etc/pip.conf /etc/xdg/pip/pip.conf "$HOME/.config/pip/pip.conf"; do
  if [ -e "$file" ]; then mkdir -p "$(dirname "$image$file")" && cp "$file" "$image$file"; fi
done
passed=()
while IFS='=' read -r name value; do
  case $name in PIP_CERT) ;; PIP_*) passed+=("$name=$value") ;; esac
done < <(env)
if [ -n "${PIP_CERT:-}" ]; then
  cp "$PIP_CERT" "$image/root/ca.crt"
  echo 'Acquire::https::CaInfo "/root/ca.crt";' > "$image/etc/apt/apt.conf.d/99-ca"
  passed+=(PIP_CERT=/root/ca.crt)
fi
# A mount namespace of its own: what is mounted here is gone when the script ends.
unshare --mount --pid --fork bash -euc '
  image=$1; shift
  mount --make-rprivate /
  mount -t proc proc "$image/proc"
  mount -t tmpfs -o mode=1777 tmpfs "$image/dev/shm"
  for folder in ${BIND:-}; do mkdir -p "$image$folder"; mount --bind "$folder" "$image$folder"; mount -o remount,bind,ro "$image$folder"; done
  exec chroot "$image" "$@"
' _ "$image" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb "${passed[@]}" bash -euc '
  cd "$1"; shift
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 >/dev/null
  start=$SECONDS
  .ci/setup
  echo "set up in $((SECONDS - start)) s"
  umask 077
  export LC_ALL=C http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9
  start=$SECONDS code=0
  .ci/ecommerce "$@" || code=$?
  echo "the main job took $((SECONDS - start)) s, exit code $code"
  exit $code
' _ "$place" "$@"
