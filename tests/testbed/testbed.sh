#!/bin/bash
# testbed.sh - N systemd "machines" on one box: systemd-nspawn --boot, overlay root per host,
# own netns + IP, cgroup cpu quota, optional userspace link delay. Nothing is linked to the main netns.
# First time: see README.md beside this file.
#   image | up N | down | list | cut H | heal H | kill H | boot H | quota H CORES [PERIOD_US] | in CMD... | sh H CMD... | cpu H | mem H
# env: TB (dir), CPU (cores per host, e.g. 0.5; empty = none), LAT_US (one-way delay; 0 = veth+bridge),
#      DISK (MiB; each host then has a disk of that size below /var/lib/aibench, which outlasts a loss of power),
#      PFX (names one of several test beds: each has its own namespaces, cgroups and state, so they share no address)
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
TB=${TB:-${AIBENCH_HOME:-$HOME/.cache/aibenchc}/testbed}; P=${PFX:-ab}; S=$TB/state-$P; BASE=$TB/base; NET=198.18.0
mkdir -p "$TB"
CPU=${CPU:-}; LAT_US=${LAT_US:-0}; CTL=$P-ctl; CG=/sys/fs/cgroup
if [ -x "$TB/tools/usr/bin/systemd-nspawn" ]; then     # extracted .debs; else the installed package
  NSPAWN="env LD_LIBRARY_PATH=$TB/tools/usr/lib/x86_64-linux-gnu/systemd:$TB/tools/usr/lib/x86_64-linux-gnu $TB/tools/usr/bin/systemd-nspawn"
else NSPAWN=systemd-nspawn; fi
if [ -f $CG/cgroup.controllers ]; then V2=1; CGD() { echo "$CG/$P/$1"; }; else V2=; fi
cgdirs() { # every hierarchy gets its own group per host, or the containers would collide on /payload
  if [ "$V2" ]; then echo $CG/$P/$1; else for c in $CG/*/; do [ -f $c/cgroup.procs ] && echo ${c}$P/$1; done; fi; }
mirror() { sed -n "s/^URIs: *//p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p" /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null | head -n 1; } # the archive this machine already uses
lagsw() { [ -x $TB/lagsw ] && [ $TB/lagsw -nt $HERE/lagsw.c ] || gcc -O2 -o $TB/lagsw $HERE/lagsw.c; }
num() { echo "${1#h}"; }
image() {
  [ -f $BASE/.ready ] && return
  [ -d $BASE/usr ] || { DB=debootstrap; if [ -x $TB/tools/usr/sbin/debootstrap ]; then
      export DEBOOTSTRAP_DIR=$TB/tools/usr/share/debootstrap; DB=$TB/tools/usr/sbin/debootstrap; fi
    $DB --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
      --include=systemd,systemd-sysv,dbus,openssh-server,python3,libpython3.11,python3-apt,python3-venv,python3-packaging,iproute2,iputils-ping,procps,ca-certificates,netbase \
      bookworm $BASE "$(mirror)"; }
  rm -f $BASE/var/cache/apt/archives/*.deb $BASE/etc/resolv.conf; : > $BASE/etc/machine-id
  mkdir -p $BASE/root/.ssh; [ -f $TB/id ] || ssh-keygen -q -t ed25519 -N '' -C testbed -f $TB/id
  install -m 600 $TB/id.pub $BASE/root/.ssh/authorized_keys; chmod 700 $BASE/root/.ssh
  printf 'UseDNS no\nPermitRootLogin prohibit-password\nMaxStartups 100:30:200\nMaxSessions 50\n' > $BASE/etc/ssh/sshd_config.d/testbed.conf
  for u in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    systemd-networkd.service systemd-resolved.service systemd-timesyncd.service systemd-udevd.service console-getty.service getty.target; do
    ln -sf /dev/null $BASE/etc/systemd/system/$u; done
  touch $BASE/.ready; }
boot() { local h=$1 i m; i=$(num $h); m=$S/$h; mkdir -p $m/{up,work,root}
  mountpoint -q $m/root || mount -t overlay $P-$h -o lowerdir=$BASE,upperdir=$m/up,workdir=$m/work $m/root
  if [ "${DISK:-}" ]; then mkdir -p $m/root/var/lib/aibench; mountpoint -q $m/root/var/lib/aibench || mount -t tmpfs -o size=${DISK}m,mode=755 $P-$h-disk $m/root/var/lib/aibench; fi
  echo $h > $m/root/etc/hostname
  { echo "127.0.0.1 localhost"; echo "$NET.1 control"; for k in $(seq $(cat $S/n)); do echo "$NET.$((k+10)) h$k"; done; } > $m/root/etc/hosts
  for d in $(cgdirs $h); do mkdir -p $d; case $d in *cpuset/*) cat $CG/cpuset/cpuset.cpus > $(dirname $d)/cpuset.cpus; cat $CG/cpuset/cpuset.mems > $(dirname $d)/cpuset.mems
      cat $CG/cpuset/cpuset.cpus > $d/cpuset.cpus; cat $CG/cpuset/cpuset.mems > $d/cpuset.mems;; esac; done
  # as many hosts count as as many, whatever else this machine does; a group's weight is else that of one process, or session
  if [ "$V2" ]; then echo $((100 * $(cat $S/n))) > $CG/$P/cpu.weight || true; else echo $((1024 * $(cat $S/n))) > $CG/cpu/$P/cpu.shares; fi
  if [ "$CPU" ]; then quota $h $CPU; fi
  ( for d in $(cgdirs $h); do echo $BASHPID > $d/cgroup.procs; done
    export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=${UNI:-1} SYSTEMD_NSPAWN_LOCK=0
    exec setsid $NSPAWN -q --boot --directory=$m/root --machine=$P-$h --register=no --keep-unit \
      --network-namespace-path=/run/netns/$P-$h --console=pipe --resolv-conf=off --timezone=off --link-journal=no \
      --hostname=$h systemd.journald.storage=volatile ) < /dev/null > $m/console.log 2>&1 9>&- &
  echo $! > $m/pid; }
leader() { [ -f $S/$1/pid ] && cat /proc/$(cat $S/$1/pid)/task/*/children 2>/dev/null | tr " " "\n" | head -1 || true; }
link() { # the host's wire
  local h=$1 i; i=$(num $h); ip netns add $P-$h; ip -n $P-$h link set lo up
  if [ "$LAT_US" -gt 0 ]; then ip -n $CTL link set tp$i netns $P-$h name host0
  else ip -n $CTL link add v$h type veth peer name host0 netns $P-$h; ip -n $CTL link set v$h master br0 up; fi
  ip -n $P-$h addr add $NET.$((i+10))/24 dev host0; ip -n $P-$h link set host0 up
  ip -n $P-$h route add default via $NET.1; }   # ends in 'control' (no uplink, no forwarding); gives ansible_default_ipv4
up() { local n=$1 i; [ -e $S/n ] && { echo "already up: run down first" >&2; exit 1; }
  image; [ "$LAT_US" -eq 0 ] || lagsw; mkdir -p $S; echo $n > $S/n; ip netns add $CTL; ip -n $CTL link set lo up
  if [ "$LAT_US" -gt 0 ]; then ip netns exec $CTL $TB/lagsw $LAT_US $((n+1)) tp > $S/lagsw.log 2>&1 < /dev/null & echo $! > $S/lagsw.pid
    until grep -q ready $S/lagsw.log 2>/dev/null; do sleep .02; done; ip -n $CTL link set tp0 name br0
  else ip -n $CTL link add br0 type bridge; fi
  ip -n $CTL addr add $NET.1/24 dev br0; ip -n $CTL link set br0 up
  for i in $(seq $n); do link h$i; boot h$i; done
  for i in $(seq $n); do wait_ssh h$i; done; inventory; }
wait_ssh() { local i; i=$(num $1); for _ in $(seq 600); do ip netns exec $CTL bash -c "exec 3<>/dev/tcp/$NET.$((i+10))/22 && head -c4 <&3 | grep -q SSH" 2>/dev/null && return; sleep .1; done; echo "$1: no ssh in time" >&2; return 1; }
inventory() { { echo "[nodes]"; for i in $(seq $(cat $S/n)); do echo "h$i ansible_host=$NET.$((i+10))"; done
  printf '\n[nodes:vars]\nansible_user=root\nansible_ssh_private_key_file=%s\nansible_python_interpreter=/usr/bin/python3\n' $TB/id
  printf 'ansible_ssh_common_args=-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR\n'
  printf 'ansible_control_path_dir=%s\n' $S/cp; } > $S/inventory.ini; }   # of its own: another bed's hosts have the same addresses
gone() { for _ in $(seq 100); do grep -qs "^State:[[:space:]]*[^Z[:space:]]" /proc/$1/status || return 0; sleep .05; done; kill -KILL $1; } # a zombie counts as gone
killh() { local l; cut_ $1; l=$(leader $1); [ "$l" ] && kill -KILL $l; gone $(cat $S/$1/pid); } # power loss: its wire is dead first, or its kernel would close its connections
rmcg() { find $1 -depth -type d -exec rmdir {} \; 2>/dev/null || true; }
down() { local d h l p m ns
  for d in $S/h*/; do [ -f $d/pid ] || continue; l=$(leader $(basename $d)); [ "$l" ] && kill -KILL $l || true; done
  for d in $S/h*/; do [ -f $d/pid ] && gone $(cat $d/pid); done
  [ -f $S/lagsw.pid ] && kill $(cat $S/lagsw.pid) 2>/dev/null || true
  # sweep by what only this testbed makes, so that it also works after a crash or a lost state dir:
  for p in $(cat $CG/*/$P/*/cgroup.procs $CG/*/$P/*/*/cgroup.procs $CG/$P/*/cgroup.procs 2>/dev/null | sort -u); do kill -KILL $p 2>/dev/null || true; done
  for ns in $(ip netns list | awk -v p=$P- 'index($1,p)==1{print $1}'); do   # e.g. ControlPersist ssh masters
    for p in $(ip netns pids $ns); do [ $p = $$ ] || kill $p 2>/dev/null || true; done; ip netns del $ns; done
  for m in $(awk -v p=$P-h 'index($1,p)==1{print $2}' /proc/mounts | tac); do umount $m || umount -l $m; done
  for d in $CG/*/$P $CG/$P; do [ -d $d ] && { for _ in 1 2 3 4 5; do rmcg $d; [ -d $d ] || break; sleep .2; done; }; done
  rm -rf $S /run/systemd/nspawn/*/$P-h* ; }
list() { for i in $(seq $(cat $S/n)); do h=h$i; l=$(leader $h); printf '%s %s pid1=%s link=%s %s\n' $h $NET.$((i+10)) "${l:-dead}" \
  "$(ip -n $P-$h -br link show host0 | awk '{print $2}')" "$(cat $CG/memory/$P/$h/memory.usage_in_bytes 2>/dev/null | awk '{printf "mem=%dMiB",$1/1048576}')"; done; }
cut_() { if [ -f $S/lagsw.pid ]; then ip -n $P-$1 link set host0 down; else ip -n $CTL link set v$1 down; fi; }
heal() { if [ -f $S/lagsw.pid ]; then ip -n $P-$1 link set host0 up; else ip -n $CTL link set v$1 up; fi; }
quota() { local q t=${3:-100000} c=$CG/cpu/$P/$1; q=$(awk "BEGIN{print int($2*$t)}"); if [ "$V2" ]; then echo "$q $t" > $CG/$P/$1/cpu.max
  else echo -1 > $c/cpu.cfs_quota_us; echo $t > $c/cpu.cfs_period_us; echo $q > $c/cpu.cfs_quota_us; fi; }   # 1000 is the least of either
mem() { cat $CG/memory/$P/$1/memory.usage_in_bytes 2>/dev/null || cat $CG/$P/$1/memory.current; } # bytes, page cache included
c=${1:-}; shift || true
case $c in image) image;; up) up "$1";; down) down;; list) list;; cut) cut_ $1;; heal) heal $1;; kill) killh $1;; boot) heal $1; boot $1; wait_ssh $1;; quota) quota $1 $2 ${3:-};; mem) mem $1;;
 in) exec ip netns exec $CTL "$@";; sh) h=$1; shift; for d in $(cgdirs $h); do case $d in *unified/*|*/systemd/*) ;; *) echo $$ > $d/cgroup.procs;; esac; done  # count against the quota
   exec nsenter -t $(leader $h) -m -u -i -n -p "$@";; inventory) cat $S/inventory.ini;;
 cpu) cat $CG/unified/$P/$1/cpu.stat 2>/dev/null || cat $CG/$P/$1/cpu.stat;; *) sed -n 2,9p "$0"; exit 2;; esac
