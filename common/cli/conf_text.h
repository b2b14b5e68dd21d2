/*
 * conf_text.h -- the holdfast.conf that `holdfast init' writes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_CONF_TEXT_H
#define HOLDFAST_CLI_CONF_TEXT_H

struct buf;

void	cli_conf_text(struct buf *);	/* appends */

#endif
