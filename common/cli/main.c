/*
 * main.c -- holdfast, the operator's command. cli.c does the work, so that
 * tests link it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <locale.h>

#include "common/cli/cli.h"

int
main(int argc, char **argv)
{
	(void)setlocale(LC_ALL, "");
	return cli_main(argc, argv);
}
