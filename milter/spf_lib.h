/*
 * spf_lib.h -- libspf2's headers, for spf_dns.c and spf_eval.c alone.
 *
 * As released they want to be told what the system has, and make their own of what they think is
 * missing (Fedora); Debian's do not ask.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SPF_LIB_H
#define HOLDFAST_SPF_LIB_H

#include <sys/socket.h>
#include <sys/types.h>

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>

#ifndef HAVE_NS_TYPE
#define HAVE_NS_TYPE 1
#endif
#ifndef HAVE_NETDB_H
#define HAVE_NETDB_H 1
#endif

#include <spf2/spf.h>
#include <spf2/spf_dns.h>
#include <spf2/spf_dns_rr.h>

#endif
