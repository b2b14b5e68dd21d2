# SPDX-License-Identifier: BSD-2-Clause
# HF_ARG_DIR(NAME, VARIABLE, MODULE, MODULE'S VARIABLE, BELOW PREFIX, WHAT)
# --with-NAME=DIR | no. By default: below /usr where pkg-config says; else the place below the prefix
# that is searched as well, if the module is there at all.
AC_DEFUN([HF_ARG_DIR], [
	AC_ARG_WITH([$1], [AS_HELP_STRING([--with-$1=DIR], [where $6 go ("no": nowhere)])],
	    [with_$2=$withval], [with_$2=auto])
	AS_IF([test "x$with_$2" = xauto || test "x$with_$2" = xyes], [
		with_$2=`$PKG_CONFIG --variable=$4 $3 2>/dev/null`
		AS_IF([test "x$with_$2" != x && test "x$prefix" != x/usr], [with_$2='${prefix}/$5'])
	])
	AS_IF([test "x$with_$2" = xno], [with_$2=])
	AC_SUBST([$2], [$with_$2])
	AM_CONDITIONAL([HAVE_$2], [test "x$with_$2" != x])
])
