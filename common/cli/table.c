/*
 * table.c -- every command, in the order in which the help lists them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stddef.h>

#include "common/cli/commands.h"

const struct command *const cli_commands[] = {
	&command_setup,
	&command_init,
	&command_domain_add, &command_domain_set, &command_domain_show, &command_domain_list,
	&command_domain_remove,
	&command_recipient_import, &command_recipient_add, &command_recipient_remove,
	&command_recipient_list, &command_recipient_explain,
	&command_schedule_list, &command_schedule_show, &command_schedule_add,
	&command_schedule_set, &command_schedule_remove,
	&command_rule_list, &command_rule_set, &command_rule_unset, &command_rule_add,
	&command_rule_remove, &command_rule_history, &command_rule_undo, &command_rule_export,
	&command_rule_import, &command_rule_counters,
	&command_greylist_list, &command_limits_list,
	&command_explain,
	&command_queue_count, &command_queue_list, &command_queue_show, &command_queue_cat,
	&command_queue_retry, &command_queue_hold, &command_queue_release, &command_queue_delete,
	&command_primary_list, &command_primary_show, &command_primary_history,
	&command_primary_release,
	&command_flush,
	&command_status,
	&command_doctor,
	&command_drill,
	&command_completion,
	NULL
};
