/*
 * idn.h -- internationalized domain names as the DNS knows them (RFC 5890, A-labels).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_IDN_H
#define HOLDFAST_IDN_H

/* "bücher.example" -> "xn--bcher-kva.example"; a name that is ASCII already stays as it is. NULL: not a name. */
char	*idn_ascii(const char *domain);		/* caller frees */

#endif
