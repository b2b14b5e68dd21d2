/*
 * rules_kind.c -- the kinds of rows that `holdfast rule' writes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_kind.h"

#include <string.h>

#include "common/rules_row.h"

#define SCOPE	{ "scope", "", "for a domain or address that is served here; empty: all" }
#define MODE	{ "mode", "enforce", "off, shadow or enforce" }
#define NOTE	{ "note", "", "why it is there" }

const struct rules_kind rules_kinds[] = {
	{ .name = "list", .help = "exceptions and refusals by name",
	  .column = {
		{ "action", NULL, "allow (skips the checks named in --checks), deny (550) or defer (450)" },
		{ "field", NULL, "client, client_name, helo, sender, sender_domain or recipient" },
		{ "value", NULL, "a network, name or address; .example.test: the domain and all below; "
		  "<>: no sender" },
		SCOPE,
		{ "checks", "", "what `allow' skips: limits,helo,sender,spoof,sender_domain,spf,dnsbl,plugin,"
		  "greylist,header,virus,spam" },
		{ "expires", "", "the last day on which it holds, like 2026-12-31; empty: for ever" },
		MODE, NOTE },
	  .nkeys = 4, .args = "012", .canon = rules_canon_list, .add = rules_add_list },
	{ .name = "limits", .help = "rate limits",
	  .column = {
		{ "what", NULL, "connections, messages, recipients, bytes, unknown (recipients) or spam" },
		{ "per", NULL, "client, network, sender, sender_domain, recipient, recipient_domain, helo or all" },
		{ "match", "", "for whom: a network, name or address; empty: everybody" },
		{ "rate", NULL, "like 20/1m, or 100M/1h for bytes; none: no limit" },
		{ "burst", "", "how much may come at once; empty: as much as the rate names" },
		{ "action", "defer", "defer, reject, delay or lockout" },
		MODE, NOTE },
	  .nkeys = 3, .args = "013", .canon = rules_canon_limits, .add = rules_add_limits },
	{ .name = "dnsbl", .help = "DNS lists of clients and names",
	  .column = {
		{ "zone", NULL, "the list's domain" },
		{ "what", "client", "client, client_name, helo or sender_domain" },
		{ "codes", "", "answers that count: 127.0.0.2,127.0.0.4-127.0.0.11 or a mask 127.0.0.0&2; "
		  "empty: any" },
		{ "verdict", NULL, "a number of points, greylist, defer or reject" },
		MODE, NOTE },
	  .nkeys = 3, .args = "03", .canon = rules_canon_dnsbl, .add = rules_add_dnsbl },
	{ .name = "header", .help = "rules about headers",
	  .column = {
		{ "name", NULL, "the header" },
		{ "pattern", NULL, "a regular expression for its value" },
		SCOPE,
		{ "verdict", NULL, "a number of points, tag, quarantine, defer or reject" },
		MODE, NOTE },
	  .nkeys = 3, .args = "013", .canon = rules_canon_header, .add = rules_add_header },
	{ .name = "pattern", .help = "recipients by pattern",
	  .column = {
		{ "domain", NULL, "a domain that is served here" },
		{ "pattern", NULL, "a regular expression for the whole local part" },
		{ "answer", "accept", "accept or reject" },
		NOTE },
	  .nkeys = 2, .args = "01", .canon = rules_canon_pattern, .add = rules_add_pattern },
	{ .name = "alias_domain", .help = "domains whose addresses are those of another",
	  .column = {
		{ "name", NULL, "the alias" },
		{ "domain", NULL, "the domain that is served here" },
		NOTE },
	  .nkeys = 1, .args = "01", .canon = rules_canon_alias, .add = rules_add_alias },
	{ .name = "mx_network", .help = "networks of better MX hosts, for domains that are served by their MX",
	  .column = {
		{ "network", NULL, "like 192.0.2.0/24, 2001:db8::/32 or a single address" },
		NOTE },
	  .nkeys = 1, .args = "0", .canon = rules_canon_network, .add = rules_add_mx_network },
	{ .name = "mx_domain", .help = "domains that are served always or never, whatever their MX says",
	  .column = {
		{ "name", NULL, "the domain" },
		{ "serve", NULL, "always or never" },
		NOTE },
	  .nkeys = 1, .args = "0", .canon = rules_canon_mx_domain, .add = rules_add_mx_domain },
	{ .name = "turn_network", .help = "clients that may ask for mail by ETRN",
	  .column = {
		{ "network", NULL, "like 192.0.2.0/24, 2001:db8::/32 or a single address" },
		NOTE },
	  .nkeys = 1, .args = "0", .canon = rules_canon_network, .add = rules_add_turn_network },
};
const size_t rules_nkinds = sizeof(rules_kinds) / sizeof(rules_kinds[0]);

const struct rules_kind *
rules_kind_find(const char *name)
{
	for (size_t i = 0; i < rules_nkinds; i++)
		if (strcmp(rules_kinds[i].name, name) == 0)
			return &rules_kinds[i];
	return NULL;
}

size_t
rules_kind_ncolumns(const struct rules_kind *k)
{
	size_t n = 0;

	while (n < RULES_COLUMNS_MAX && k->column[n].name != NULL)
		n++;
	return n;
}

int
rules_kind_column(const struct rules_kind *k, const char *name)
{
	for (size_t i = 0; i < rules_kind_ncolumns(k); i++)
		if (strcmp(k->column[i].name, name) == 0)
			return (int)i;
	return -1;
}
