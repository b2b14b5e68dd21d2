# SPDX-License-Identifier: BSD-2-Clause
# HF_CHECK_CFLAG(FLAG, IF-ACCEPTED): does the compiler take FLAG without complaint?
AC_DEFUN([HF_CHECK_CFLAG], [
	AC_MSG_CHECKING([whether $CC accepts $1])
	hf_save_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS -Werror $1"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
	    [AC_MSG_RESULT([yes]); CFLAGS=$hf_save_CFLAGS; $2],
	    [AC_MSG_RESULT([no]); CFLAGS=$hf_save_CFLAGS])
])
# HF_CHECK_LDFLAG(FLAG, IF-ACCEPTED)
AC_DEFUN([HF_CHECK_LDFLAG], [
	AC_MSG_CHECKING([whether the linker accepts $1])
	hf_save_LDFLAGS=$LDFLAGS; hf_save_CFLAGS=$CFLAGS
	LDFLAGS="$LDFLAGS $1"; CFLAGS="$CFLAGS $HF_HARDEN_CFLAGS"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
	    [AC_MSG_RESULT([yes]); LDFLAGS=$hf_save_LDFLAGS; CFLAGS=$hf_save_CFLAGS; $2],
	    [AC_MSG_RESULT([no]); LDFLAGS=$hf_save_LDFLAGS; CFLAGS=$hf_save_CFLAGS])
])
# HF_MISSING(WHAT, DEBIAN-PACKAGE, FEDORA-PACKAGE): stop and say what to install.
AC_DEFUN([HF_MISSING], [
	AC_MSG_ERROR([$1 is missing. Install it with
    Debian, Ubuntu: apt-get install $2
    Fedora, RHEL:   dnf install $3])
])
# HF_NEED_PKG(PREFIX, PKG-CONFIG-SPEC, DEBIAN-PACKAGE, FEDORA-PACKAGE)
AC_DEFUN([HF_NEED_PKG], [
	PKG_CHECK_MODULES([$1], [$2], [], [HF_MISSING([$2], [$3], [$4])])
])
