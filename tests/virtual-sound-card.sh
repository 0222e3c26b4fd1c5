#!/usr/bin/env bash
# A headset made of software, for tests on a machine without a sound card: PipeWire as an ordinary process.
#
#   virtual-sound-card.sh start DIR   starts it with everything under DIR; prints the environment to use, NAME=VALUE a line
#   virtual-sound-card.sh stop DIR    ends exactly what start began
#   virtual-sound-card.sh packages    the Debian packages it needs
#
# Programs with that environment play to the sink "spk" and record from what is played to the sink "micfeed".
set -eu
command=${1:-} dir=${2:-}

# Starts a daemon of its own process group, noted so that stop finds it; before other programs if that is allowed,
# because a sound card keeps time on a busy machine too.
run() {
  setsid nice -n -10 "$@" </dev/null >"$dir/$1.log" 2>&1 &
  echo $! >>"$dir/pids"
}

wait_for() {
  for _ in $(seq 100); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  echo "gave up waiting for: $*" >&2
  exit 1
}

case "$command" in
packages) echo pipewire pipewire-pulse pipewire-alsa wireplumber dbus pulseaudio-utils libasound2-plugins ;;
start)
  mkdir -p "$dir"
  chmod 700 "$dir"
  dir=$(cd "$dir" && pwd)
  export XDG_RUNTIME_DIR=$dir HOME=$dir DBUS_SESSION_BUS_ADDRESS=unix:path=$dir/bus
  : >"$dir/pids"
  run dbus-daemon --session --nofork --nopidfile --address="$DBUS_SESSION_BUS_ADDRESS"
  wait_for test -S "$dir/bus"
  run pipewire
  wait_for test -S "$dir/pipewire-0"
  run wireplumber
  run pipewire-pulse
  wait_for pactl info
  for sink in spk micfeed; do
    pactl load-module module-null-sink sink_name=$sink media.class=Audio/Sink rate=48000 channels=2 >/dev/null
  done
  pactl load-module module-remap-source master=micfeed.monitor source_name=mic >/dev/null
  # The session manager chooses the defaults a moment later.
  wait_for sh -c 'pactl info | grep -q "Default Source: mic" && pactl info | grep -q "Default Sink: spk"'
  cat >"$dir/.asoundrc" <<'RC'
pcm.test_speaker { type pipewire playback_node "spk" hint { show on description "Test speaker" } }
pcm.test_microphone { type pipewire capture_node "mic" hint { show on description "Test microphone" } }
pcm.!default { type asym playback.pcm "test_speaker" capture.pcm "test_microphone" }
ctl.!default { type pulse }
RC
  printf '%s\n' "XDG_RUNTIME_DIR=$dir" "HOME=$dir" "DBUS_SESSION_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS"
  ;;
stop)
  [ -f "$dir/pids" ] || exit 0
  tac "$dir/pids" | while read -r pid; do
    kill -TERM -- "-$pid" 2>/dev/null || kill -TERM "$pid" 2>/dev/null || true
  done
  rm -f "$dir/pids"
  ;;
*)
  echo "usage: $0 start DIR | stop DIR | packages" >&2
  exit 2
  ;;
esac
