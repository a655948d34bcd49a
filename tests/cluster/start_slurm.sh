#!/usr/bin/env bash
# A SLURM of one node on this machine, to try `boneage run PROFILE --executor slurm` with.
#
#   tests/cluster/start_slurm.sh         install what is missing, start, wait until the node is idle
#   tests/cluster/start_slurm.sh stop    cancel its jobs and end it
#
# For Debian or Ubuntu, as root; needs no systemd. All cores and memory, one partition, no
# accounting, no cgroups. Started twice, it stays as it is. Settings, logs and state lie in
# /run/boneage-slurm, or in the folder that BONEAGE_SLURM_STATE names, never in the repository.
set -euo pipefail

state=${BONEAGE_SLURM_STATE:-/run/boneage-slurm}
node=$(hostname -s)
etc=/etc/slurm/slurm.conf # where every SLURM command looks without being told

fail() {
    echo "start_slurm.sh: $1" >&2
    exit 2
}

# is PID DAEMON: whether that process is there and is that daemon, and no zombie of it.
is() {
    [ -n "$1" ] && [[ $(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline") == *"$2"* ]]
} 2>/dev/null

# runs DAEMON: whether the process in its pid file does.
runs() {
    is "$(cat "$state/$1.pid" 2>/dev/null)" "$1"
}

node_state() {
    timeout 10 sinfo --noheader --Node --nodes "$node" --format %T 2>/dev/null | head -n 1
}

# end DAEMON: stop the process in its pid file, and wait until it is gone.
end() {
    local pid
    pid=$(cat "$state/$1.pid" 2>/dev/null) || pid=""
    if is "$pid" "$1"; then
        kill "$pid"
        for _ in $(seq 100); do
            is "$pid" "$1" || break
            sleep 0.1
        done
        if is "$pid" "$1"; then kill -KILL "$pid"; fi
    fi
    rm -f "$state/$1.pid"
}

install_packages() {
    local program missing=()
    for program in munged slurmctld slurmd sbatch; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        fail "Found no ${missing[*]} and no apt-get; expected Debian or Ubuntu, or SLURM and MUNGE installed by hand."
    echo "Installing slurm-wlm and munge"
    mkdir -p "$state"
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends slurm-wlm munge; } >"$state/apt.log" 2>&1; then
        tail -n 20 "$state/apt.log" >&2
        fail "apt-get could not install slurm-wlm and munge; its last lines are above."
    fi
}

write_settings() {
    local memory
    memory=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
    cat >"$state/slurm.conf" <<CONF
ClusterName=boneage
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
ReturnToService=2
MpiDefault=none
MailProg=/bin/true
SlurmdParameters=config_overrides
StateSaveLocation=$state/controller
SlurmdSpoolDir=$state/node
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd.log
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory State=UNKNOWN
PartitionName=main Nodes=$node Default=YES MaxTime=INFINITE State=UP
CONF
    mkdir -p "$state/controller" "$state/node" "$(dirname "$etc")"
    ln -sfn "$state/slurm.conf" "$etc"
}

start_munge() {
    munge -n >/dev/null 2>&1 && return # one runs already, and stays when this SLURM stops
    if [ ! -s /etc/munge/munge.key ]; then
        (umask 077 && head -c 128 /dev/urandom >/etc/munge/munge.key)
        chown munge: /etc/munge/munge.key
    fi
    install -d -o munge -g munge -m 0755 /run/munge "$state/munge"
    runuser -u munge -- munged --pid-file="$state/munge/munged.pid" --log-file="$state/munge/munged.log" \
        --seed-file="$state/munge/munged.seed"
    ln -sfn munge/munged.pid "$state/munged.pid"
}

start() {
    [ "$(id -u)" = 0 ] || fail "Found user $(id -un); expected root, since SLURM's daemons start jobs."
    if [ -e "$etc" ] && [ "$(readlink "$etc")" != "$state/slurm.conf" ]; then
        fail "Found $etc of another cluster; expected none. Use that cluster, or move the file away."
    fi
    install_packages
    mkdir -p "$state"
    if runs slurmctld && runs slurmd && [[ $(node_state) =~ ^(idle|mixed|allocated|completing) ]]; then
        echo "SLURM runs already: node $node is $(node_state)."
        return
    fi
    end slurmd
    end slurmctld
    write_settings
    start_munge
    slurmctld
    slurmd
    for _ in $(seq 60); do
        if [ "$(node_state)" = idle ]; then
            echo "SLURM runs: node $node is idle, $(nproc) cores. Logs and settings: $state"
            return
        fi
        sleep 1
    done
    tail -n 20 "$state/slurmctld.log" "$state/slurmd.log" >&2 || true
    fail "Node $node is '$(node_state)' after a minute; expected idle. The logs' last lines are above."
}

stop() {
    if runs slurmctld; then
        timeout 10 squeue --noheader --format %A | xargs --no-run-if-empty scancel || true
        for _ in $(seq 20); do
            [ -n "$(timeout 10 squeue --noheader --format %A)" ] || break
            sleep 0.5
        done
    fi
    end slurmd
    end slurmctld
    end munged
    if [ "$(readlink "$etc" 2>/dev/null)" = "$state/slurm.conf" ]; then rm "$etc"; fi
    echo "SLURM is stopped."
}

case ${1:-start} in
start) start ;;
stop) stop ;;
*) fail "Found the argument '$1'; expected start or stop." ;;
esac
