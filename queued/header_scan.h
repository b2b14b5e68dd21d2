/*
 * header_scan.h -- measures a message's header block while it streams by.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_HEADER_SCAN_H
#define HOLDFAST_HEADER_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#define HEADER_NAME_MAX	998	/* RFC 5322 2.1.1: a longer "name" is body text */

struct header_scan {
	int	 state;		/* private */
	size_t	 name_len;	/* octets of the field name at hand */
	bool	 is_received;	/* so far it spells "Received"; in its value: it did */
	int	 word;		/* of "by HOSTNAME (Holdfast)": which is expected */
	size_t	 at;		/* octets of the word at hand … */
	bool	 same, by;	/* … which so far is the one expected; is "by" */
	bool	 over;		/* the block has ended */
	size_t	 bytes;		/* octets of the block; its end's empty line counts */
	unsigned hops;		/* Received: fields */
	unsigned own;		/* … that we wrote */
};

void	header_scan_init(struct header_scan *);
/*
 * Feed any pieces; each octet of the block is looked at once, the body not at
 * all. hostname: ours, as it stands in the Received: lines that Holdfast writes.
 */
void	header_scan(struct header_scan *, const char *hostname, const char *, size_t);

#endif
