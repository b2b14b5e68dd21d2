/*
 * commands.h -- the entries of the table of commands, one file a group.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_COMMANDS_H
#define HOLDFAST_CLI_COMMANDS_H

#include "common/cli/cli.h"

extern const struct command command_init;
extern const struct command command_domain_add, command_domain_set, command_domain_show,
	    command_domain_list, command_domain_remove;
extern const struct command command_recipient_import, command_recipient_add,
	    command_recipient_remove, command_recipient_list, command_recipient_explain;
extern const struct command command_schedule_list, command_schedule_show, command_schedule_add,
	    command_schedule_set, command_schedule_remove;
extern const struct command command_rule_list, command_rule_set, command_rule_unset,
	    command_rule_add, command_rule_remove, command_rule_history, command_rule_undo,
	    command_rule_export, command_rule_import, command_rule_counters;
extern const struct command command_greylist_list, command_limits_list;
extern const struct command command_queue_count, command_queue_list, command_queue_show,
	    command_queue_cat, command_queue_retry, command_queue_hold, command_queue_release,
	    command_queue_delete;
extern const struct command command_primary_list, command_primary_show,
	    command_primary_history, command_primary_release;
extern const struct command command_explain;
extern const struct command command_flush;
extern const struct command command_status;
extern const struct command command_completion;
extern const struct command command_setup, command_doctor, command_drill;

#endif
