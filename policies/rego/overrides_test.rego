package gatehouse_test

entry := {"tools": null, "owner": "approver-a", "until": "2026-11-06T00:00:00Z"}

viewing(now) := object.union(
	acting({"roles": ["viewer"]}),
	{"tool": {"name": "crm.note", "risk": "write"}, "now": now},
)

test_an_override_lifts_a_denial_until_it_expires if {
	lifted := {"role_reads_only": [entry]}
	decided("allow", {"write_allowed"}) with input as viewing("2026-11-05T23:59:59Z") with data.overrides as lifted
	decided("deny", {"role_reads_only"}) with input as viewing("2026-11-06T00:00:00Z") with data.overrides as lifted
}

test_an_override_for_other_tools_or_rules_lifts_nothing if {
	others := [
		{"role_reads_only": [object.union(entry, {"tools": ["crm.other"]})]},
		{"automation_limited": [entry]},
		{},
	]
	every lifted in others {
		decided("deny", {"role_reads_only"}) with input as viewing("2026-11-02T10:00:00Z") with data.overrides as lifted
	}
}

test_of_two_overrides_one_that_covers_is_enough if {
	lifted := {"role_reads_only": [
		object.union(entry, {"until": "2026-01-01T00:00:00Z"}),
		object.union(entry, {"tools": ["crm.note"]}),
	]}
	decided("allow", {"write_allowed"}) with input as viewing("2026-11-02T10:00:00Z") with data.overrides as lifted
}

removal := {"delete": {"groups": ["approvers"], "quorum": 1, "from": {}}}

test_a_question_that_is_lifted_runs_and_says_by_whose_word if {
	decided("allow", {"override"}) with input as calling("customers.delete", "delete")
		with data.approvals as removal
		with data.overrides as {"delete_needs_approval": [entry]}
}

test_a_stranger_runs_nothing_by_an_override if {
	call := object.union(calling("customers.delete", "delete"), {"actor": {"standing": "unknown"}})
	decided("deny", {"actor_unknown"}) with input as call
		with data.approvals as removal
		with data.overrides as {"delete_needs_approval": [entry]}
}
