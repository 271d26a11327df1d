# Shared by the scripts of this folder; sourced, never run.
# shellcheck shell=bash

# What a machine needs, besides PostgreSQL itself (see postgres_packages).
# shellcheck disable=SC2034
{
  build_packages=(g++ make pkg-config libcurl4-openssl-dev libssl-dev libpugixml-dev zlib1g-dev libzstd-dev nlohmann-json3-dev)
  s3_packages=(ceph-mon ceph-osd radosgw ceph-common curl ca-certificates openssl)
  check_packages=(cmake ninja-build libgtest-dev libbenchmark-dev perl python3 python3-boto3 python3-flask python3-dotenv
    python3-psycopg python3-psycopg-pool python3-psycopg2 python3-django ruby-activerecord ruby-pg chromium shellcheck
    clang-format pgbouncer)
  fuzz_packages=(clang libclang-rt-dev)

  # The same for systems without apt: commands, and modules of pkg-config.
  build_commands=(g++ make pkg-config)
  build_modules=(libcurl libcrypto pugixml zlib libzstd nlohmann_json)
  s3_commands=(ceph-mon ceph-osd radosgw radosgw-admin ceph ceph-authtool monmaptool curl openssl)
  check_commands=(cmake ninja perl prove python3 shellcheck clang-format)
}

scripts_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
repo_dir=$(dirname "$scripts_dir")

say() { printf '==> %s\n' "$*"; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

is_root() { [[ $(id -u) == 0 ]]; }

as_root() {
  if is_root; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "packages are missing and neither root nor sudo is here to install them: ${missing_packages[*]-$*}"
  fi
}

# Random secrets and names: letters and digits only, so that they need no quoting anywhere.
random_word() { # LENGTH
  local word=
  while ((${#word} < $1)); do
    word+=$(head -c 256 /dev/urandom | LC_ALL=C tr -dc 'A-Za-z0-9')
  done
  printf '%s\n' "${word:0:$1}"
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A loopback port on which nobody listens. Random, below the range that the kernel hands out,
# so that two calls (or two runs) hardly ever agree; who binds it must still be ready to try another.
free_port() {
  local port tries
  for ((tries = 0; tries < 200; tries++)); do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    port_is_taken "$port" && continue
    printf '%s\n' "$port"
    return
  done
  die "no free loopback port between 20000 and 31999"
}

# Runs a long command so that a signal sent to this script alone is acted on at once: in the
# background, as a process group of its own, which leave() ends.
attend() { # COMMAND...
  begin "$@"
  finish "$begun"
}

# The same in two steps, with time in between for something else.
declare -A attended=()
begin() { # COMMAND...
  set -m
  "$@" </dev/null &
  set +m
  begun=$!
  attended[$begun]=yes
}

finish() { # PID
  local status=0
  wait "$1" || status=$?
  unset "attended[$1]"
  return "$status"
}

# CLEANUP runs once, however the script ends.
on_exit() { # CLEANUP
  # shellcheck disable=SC2064
  trap "leave $1" EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

leave() { # CLEANUP
  local status=$? pid
  trap - EXIT
  trap '' HUP INT TERM
  for pid in "${!attended[@]}"; do
    ! kill -TERM -- "-$pid" 2>/dev/null || wait "$pid" 2>/dev/null || true
  done
  "$1" || true
  exit "$status"
}

# The private servers must not see the user's credentials, connection defaults or proxies.
isolate_environment() {
  local name
  for name in "${!AWS_@}" "${!PG@}" "${!S3_@}" \
    http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY; do
    [[ $name == PG_CONFIG ]] || unset "$name"
  done
  unset MAKEFLAGS MAKELEVEL MFLAGS DESTDIR CDPATH
}

# A private directory that a server running as another user can pass through, not list.
make_work_dir() { # NAME
  local base=${TMPDIR:-/tmp} work_dir
  # Sockets want a short path, make wants no spaces, and a TMPDIR of root's own admits no other user.
  if [[ ! $base =~ ^[A-Za-z0-9_./+-]{1,60}$ ]] || { is_root && ! as_postgres test -x "$base"; }; then
    base=/tmp
  fi
  work_dir=$(mktemp -d "$base/neon_s3-$1.XXXXXX")
  chmod 711 "$work_dir"
  printf '%s\n' "$work_dir"
}

# Not from here: the current directory may be closed to that user.
as_postgres() { (cd / && exec runuser -u postgres -- "$@"); }

# The sources without what builds leave behind: the checkout may be read-only or hold another build.
copy_sources() { # TO
  mkdir -p "$1"
  tar -C "$repo_dir" -cf - --exclude=./.git --exclude=./build --exclude='./build-*' --exclude='*.o' \
    --exclude='*.bc' --exclude='*.so' --exclude='*.a' --exclude='./src/*.d' --exclude=./results --exclude='./regression.*' . |
    tar -C "$1" -xf - --no-same-owner
  chmod -R u+w "$1"
}

# The two private servers of a work directory; their env files end up in the environment.
start_s3() { # WORK_DIR
  attend "$scripts_dir/rgw" start "$1/s3" && load_env "$1/s3/env"
}

start_postgres() { # WORK_DIR [OPTION OF pg create]...
  attend "$scripts_dir/pg" create "$1/pg" "${@:2}" &&
    attend "$scripts_dir/pg" start "$1/pg" && load_env "$1/pg/env"
}

load_env() { # FILE
  set -a
  # shellcheck disable=SC1090
  source "$1"
  set +a
}

remove_work_dir() { # WORK_DIR
  [[ ! -f $1/pg/env ]] || "$scripts_dir/pg" stop "$1/pg" >/dev/null
  [[ ! -d $1/s3 ]] || "$scripts_dir/rgw" stop "$1/s3" >/dev/null
  rm -rf "${1:?}"
}

# --- packages ---------------------------------------------------------------------------------

has_apt() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }

is_installed() {
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

find_missing_packages() { # PKG...
  local package
  missing_packages=()
  for package in "$@"; do
    is_installed "$package" || missing_packages+=("$package")
  done
}

# Runs as root in a shell of its own, one at a time on this machine.
update_packages() { apt-get -q update || echo "some package sources did not answer"; }

# A new postgresql-N would create and start a cluster of its own, pgbouncer would start; nobody asked for that.
install_packages() { # PKG...
  local conf=/etc/postgresql-common/createcluster.d policy=/usr/sbin/policy-rc.d
  export DEBIAN_FRONTEND=noninteractive LC_ALL=C
  [[ ! -e $policy ]] || policy=
  # shellcheck disable=SC2064
  trap "rm -f $conf/neon_s3.conf $policy; rmdir $conf 2>/dev/null || true" EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [[ -n $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
  fi
  update_packages
  if [[ " $* " =~ \ postgresql-[0-9]+\  ]]; then
    mkdir -p "$conf"
    echo 'create_main_cluster = false' >"$conf/neon_s3.conf"
  fi
  apt-get -q install -y --no-install-recommends -o DPkg::Lock::Timeout=600 \
    -o Dpkg::Options::=--force-confold "$@"
}

# Keeps the log, and says every few seconds how far apt has come.
follow_apt() { # LOG
  local line step='' total=0 last=$SECONDS
  local -A steps=()
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$1"
    case $line in
      *' newly installed, '*) total=$(sed -E 's/.* ([0-9]+) newly installed.*/\1/' <<<"$line") ;;
      Get:*) step=downloading ;;
      'Unpacking '*) step=unpacking ;;
      'Setting up '*) step='setting up' ;;
      *) continue ;;
    esac
    ((total)) || continue
    steps[$step]=$((${steps[$step]:-0} + 1))
    ((SECONDS - last >= 5)) || continue
    last=$SECONDS
    say "$step ${steps[$step]} of $total packages, with what they depend on"
  done
}

with_apt_lock() { # FUNCTION [ARG]...
  local log status=0
  log=$(mktemp)
  # A directory can be locked as well as a file, and needs no cleaning up.
  as_root flock /etc/apt bash -c \
    "$(declare -f update_packages install_packages); \"\$@\"" _ "$@" </dev/null 2>&1 |
    follow_apt "$log" || status=$?
  ((status == 0)) || tail -n 60 "$log" >&2
  rm -f "$log"
  return "$status"
}

require_packages() { # PKG...
  has_apt || return 0
  find_missing_packages "$@"
  ((${#missing_packages[@]})) || return 0
  say "installing ${#missing_packages[@]} packages: ${missing_packages[*]}"
  with_apt_lock install_packages "${missing_packages[@]}" ||
    die "could not install: ${missing_packages[*]}"
  say "packages are installed"
}

require_commands() { # COMMAND... [-- MODULE...]
  local missing=() word modules=
  for word in "$@"; do
    if [[ $word == -- ]]; then
      modules=yes
    elif [[ -n $modules ]]; then
      pkg-config --exists "$word" 2>/dev/null || missing+=("$word (development files)")
    else
      command -v "$word" >/dev/null || missing+=("$word")
    fi
  done
  ((${#missing[@]} == 0)) || die "please install first: $(printf '%s, ' "${missing[@]}" | sed 's/, $//')"
}

# --- PostgreSQL -------------------------------------------------------------------------------

# The newest version that has both its server and its development files.
installed_pg_major() {
  local home
  for home in /usr/lib/postgresql/*/; do
    if [[ -x ${home}bin/postgres && -e ${home}lib/pgxs/src/makefiles/pgxs.mk ]]; then
      basename "$home"
    fi
  done | sort -n | tail -n 1
}

apt_pg_major() {
  LC_ALL=C apt-cache depends postgresql 2>/dev/null |
    sed -n 's/^ *Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | sort -n | tail -n 1
}

default_pg_major() {
  local major
  major=$(apt_pg_major)
  if [[ -z $major ]]; then
    missing_packages=(postgresql)
    with_apt_lock update_packages
    major=$(apt_pg_major)
  fi
  [[ -n $major ]] || die "the package sources offer no PostgreSQL"
  printf '%s\n' "$major"
}

# Sets PG_CONFIG, pg_packages to what must be installed for it, and pg_check_packages to what single tests
# need besides, where apt has it for this version.
choose_postgres() {
  local major
  pg_packages=()
  pg_check_packages=()
  if [[ -n ${PG_CONFIG:-} ]]; then
    PG_CONFIG=$(command -v "$PG_CONFIG") || die "PG_CONFIG is not a command"
  elif has_apt; then
    major=$(installed_pg_major)
    [[ -n $major ]] || major=$(default_pg_major)
    PG_CONFIG=/usr/lib/postgresql/$major/bin/pg_config
    pg_packages=("postgresql-$major" "postgresql-server-dev-$major")
    ! apt-cache show "postgresql-$major-cron" >/dev/null 2>&1 || pg_check_packages=("postgresql-$major-cron")
  else
    PG_CONFIG=pg_config
  fi
  export PG_CONFIG
}

require_postgres() {
  [[ -x $("$PG_CONFIG" --bindir)/postgres ]] || die "no PostgreSQL server beside $PG_CONFIG"
  [[ -e $("$PG_CONFIG" --pgxs) ]] || die "no PostgreSQL development files for $PG_CONFIG"
}

require_everything() { # demo|check
  choose_postgres
  local packages=("${build_packages[@]}" "${s3_packages[@]}")
  local commands=("${build_commands[@]}" "${s3_commands[@]}")
  if [[ $1 == check ]]; then
    # Node.js often comes from elsewhere, with an npm of its own that Debian's would drive out.
    { command -v node && command -v npm; } >/dev/null || packages+=(nodejs npm)
    # A JDK is too much for one test of ten lines.
    ! command -v javac >/dev/null || packages+=(libpostgresql-jdbc-java)
    packages+=("${check_packages[@]}" "${fuzz_packages[@]}" "${pg_check_packages[@]}")
    commands+=("${check_commands[@]}")
  fi
  require_packages "${pg_packages[@]}" "${packages[@]}"
  require_commands "$PG_CONFIG" "${commands[@]}" -- "${build_modules[@]}"
  require_postgres
}
