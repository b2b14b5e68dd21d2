# shellcheck shell=sh disable=SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
# prepare.sh -- what packaging/run and packaging/test have in common: get the
# packages that are missing, build out of tree. Sourced, POSIX sh.
#
# Nothing on the system changes but for packages that were missing, and those only
# as root; no service is started by their installation. The build goes to build/ in
# the checkout (ignored by git, kept so that the next start is quick), or to a
# temporary folder when the checkout cannot be written.

# Packages: to build, to run the demonstration, to test, to measure coverage.
DEB_BUILD="gcc make libc6-dev autoconf automake pkg-config libmilter-dev libsqlite3-dev
    libssl-dev libevent-dev libjansson-dev libunbound-dev libpcre2-dev
    libcurl4-openssl-dev libidn2-dev libspf2-dev"
DEB_RUN="postfix swaks python3 openssl"
DEB_TEST="libcmocka-dev postfix-sqlite python3-dkim python3-nacl nsd unbound ldnsutils iproute2
    fetchmail postfix-policyd-spf-python python3-yaml spamassassin spamd rspamd clamav-daemon m4 libwrap0 liblockfile1
    zsh fish shellcheck dovecot-core"
DEB_COVERAGE="gcovr"
DEB_PACKAGE="libcmocka-dev debhelper dpkg-dev fakeroot systemd xz-utils"
DEB_CHROOT="mmdebstrap iproute2 lintian python3 mount util-linux"
DEB_RPM="rpm bash file binutils rpmlint libcmocka-dev xz-utils selinux-policy-dev m4"
RPM_BUILD="tar diffutils findutils gcc make glibc-devel autoconf automake pkgconf-pkg-config
    sendmail-milter-devel sqlite-devel openssl-devel libevent-devel jansson-devel
    unbound-devel pcre2-devel libcurl-devel libidn2-devel
    libspf2-devel"
RPM_RUN="postfix swaks python3 openssl"
RPM_TEST="libcmocka-devel postfix-sqlite python3-dkimpy python3-pynacl nsd unbound iproute
    ldns-utils fetchmail pypolicyd-spf python3-pyyaml spamassassin clamd
    zsh fish ShellCheck dovecot"
RPM_COVERAGE="gcovr"
RPM_RPM="rpm-build rpmlint systemd-rpm-macros libcmocka-devel xz selinux-policy-devel"

# The packages' Python modules belong to the system's Python.
python=/usr/bin/python3
[ -x "$python" ] || python=python3

say() {
	printf '%s\n' "$*"
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# Folder and log of this build. Sets $build, $log; $build_is_temporary when it must go again.
choose_build_folder() {
	build=$top/build
	build_is_temporary=
	if ! mkdir -p "$build" 2>/dev/null || ! [ -w "$build" ] ||
	    { [ -e "$build/source" ] && ! [ -w "$build/source" ]; }; then
		build=$(mktemp -d "${TMPDIR:-/tmp}/hfbuild-XXXXXX") || die "no temporary folder"
		chmod 755 "$build"
		build_is_temporary=yes
	fi
	log=$build/log
	: >"$log"
}

remove_build_folder() {
	if [ -n "$build_is_temporary" ]; then
		rm -rf "$build"
	fi
}

# quietly TEXT COMMAND...: the command's output goes to the log, shown only when it fails.
quietly() {
	what=$1
	shift
	echo "== $*" >>"$log"
	if ! "$@" >>"$log" 2>&1 </dev/null; then
		tail -n 40 "$log" >&2
		die "$what failed; these are the last lines of its output"
	fi
}

# --- packages ----------------------------------------------------------------

missing_deb() {
	for p in "$@"; do
		case $(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null) in
		installed*) ;;
		*) echo "$p" ;;
		esac
	done
}

missing_rpm() {
	for p in "$@"; do
		rpm -q --whatprovides "$p" >/dev/null 2>&1 || echo "$p"
	done
}

# Keeps packages from starting their services; the file goes when we do.
forbid_services() {
	policy=/usr/sbin/policy-rc.d
	if [ -e "$policy" ] || [ -h "$policy" ]; then
		policy=
		return
	fi
	trap 'allow_services; exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
}

allow_services() {
	if [ -n "$policy" ]; then
		rm -f "$policy"
	fi
	policy=
	trap - HUP INT TERM
}

apt_install() {
	export DEBIAN_FRONTEND=noninteractive
	case " $* " in
	*" postfix "*)	# no mail system of its own is wanted on this host
		echo 'postfix postfix/main_mailer_type select No configuration' |
		    debconf-set-selections >>"$log" 2>&1 || : ;;
	esac
	apt-get install -y -q --no-install-recommends "$@" || {
		apt-get update -q &&
		    apt-get install -y -q --no-install-recommends "$@"
	}
}

# install_packages GROUP...: BUILD RUN TEST COVERAGE
install_packages() {
	if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
		kind=DEB missing=missing_deb by='apt-get install --no-install-recommends'
	elif command -v rpm >/dev/null && command -v dnf >/dev/null; then
		kind=RPM missing=missing_rpm by='dnf install'
	else
		say "Neither apt-get nor dnf is here: trying with what is installed."
		return
	fi
	wanted=
	for group in "$@"; do
		eval "wanted=\"\$wanted \$${kind}_$group\""
	done
	# shellcheck disable=SC2086  # lists of words
	need=$($missing $wanted | tr '\n' ' ')
	need=${need% }
	if [ -z "$need" ]; then
		return
	fi
	if [ "$(id -u)" != 0 ]; then
		die "packages are missing. Install them with

    sudo $by $need
"
	fi
	say "Installing: $need"
	# shellcheck disable=SC2086
	if [ $kind = DEB ]; then
		forbid_services
		echo "== apt-get install $need" >>"$log"
		if ! apt_install $need >>"$log" 2>&1 </dev/null; then
			allow_services
			tail -n 20 "$log" >&2
			die "the packages could not be installed: $by $need"
		fi
		allow_services
	else
		quietly "dnf install" dnf install -y $need
	fi
}

# --- the build ---------------------------------------------------------------

source_files() {
	if git -C "$top" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		(cd "$top" && git ls-files -co --exclude-standard)
	else
		(cd "$top" && find . -type d \( -name build -o -name .git -o -name autom4te.cache \) \
		    -prune -o -type f ! -name config.status ! -path ./Makefile ! -name config.h \
		    ! -name stamp-h1 ! -name '*.o' ! -name '*.a' ! -name '*.pyc' -print)
	fi | LC_ALL=C sort
}

# A copy without what an in-tree build may have left, so that any checkout builds.
copy_source() {
	source_files >"$build/files.new"
	if ! cmp -s "$build/files.new" "$build/files"; then
		# every old build knows the old list: start afresh
		rm -rf "$build/source" "$build/run" "$build/test" "$build/sanitizers" "$build/coverage" \
		    "$build/tsan" "$build/dist"
		mv "$build/files.new" "$build/files"
	fi
	rm -f "$build/files.new"
	mkdir -p "$build/source"
	(cd "$top" && tar -c -f - --ignore-failed-read -T "$build/files" 2>/dev/null) |
	    (cd "$build/source" && tar -x -f -)
}

# build_variant NAME [configure's arguments]: into $build/NAME
build_variant() {
	variant=$1
	shift
	copy_source
	if ! [ -e "$build/source/configure" ]; then
		quietly autoreconf env -C "$build/source" autoreconf -fi
	fi
	mkdir -p "$build/$variant"
	if ! [ -e "$build/$variant/Makefile" ]; then
		quietly configure env -C "$build/$variant" ../source/configure "$@"
	fi
	quietly make make -C "$build/$variant" -j"$(nproc 2>/dev/null || echo 2)" all
}

# The source archive, from a build of its own (the manual pages and completions need none, but
# `make dist' wants a Makefile). Sets $archive.
source_archive() {
	copy_source
	if ! [ -e "$build/source/configure" ]; then
		quietly autoreconf env -C "$build/source" autoreconf -fi
	fi
	mkdir -p "$build/dist" "$build/packages"
	if ! [ -e "$build/dist/Makefile" ]; then
		quietly configure env -C "$build/dist" ../source/configure
	fi
	rm -f "$build"/dist/holdfast-*.tar.xz
	quietly 'make dist' make -C "$build/dist" dist
	for archive in "$build"/dist/holdfast-*.tar.xz; do
		mv "$archive" "$build/packages/"
	done
	archive=$build/packages/${archive##*/}
}

# --- what comes after --------------------------------------------------------

# guard COMMAND...: runs it and waits for it. Ctrl-C and SIGTERM are passed on: the
# command ends what it started, and we end after it. Sets $status.
guard() {
	trap '' INT
	exec 3<&0	# what runs in the background would get /dev/null
	"$@" <&3 3<&- &
	guarded=$!
	exec 3<&-
	trap 'kill -TERM $guarded 2>/dev/null' TERM HUP
	status=0
	while kill -0 $guarded 2>/dev/null; do
		status=0
		wait $guarded || status=$?
	done
	trap - INT TERM HUP
}
