package gatehouse_test

test_members_read_and_write if {
	decided("allow", {"read_allowed"}) with input as member
	decided("allow", {"write_allowed"}) with input as calling("crm.note", "write")
}

test_every_other_class_asks_others if {
	every risk in ["prod_write", "delete", "access", "outbound", "code", "unclassified"] {
		class := {risk: {"groups": ["approvers"], "quorum": 1, "from": {}}}
		decided("approve", {concat("_", [risk, "needs_approval"])}) with input as calling("a.b", risk)
			with data.approvals as class
	}
}

test_a_standing_grant_lifts_the_gate_of_the_class_and_no_question_of_origin if {
	class := {"outbound": {"groups": ["approvers"], "quorum": 1, "from": {}}}
	call := object.union(calling("a.b", "outbound"), {"standing": true})
	decided("allow", {"standing_grant"}) with input as call with data.approvals as class
	found := object.union(call, {"leaves": [leaf("redirects", "tool")]})
	decided("confirm", {"standing_grant", "value_not_from_requester"}) with input as found with data.approvals as class
}

test_a_standing_grant_lifts_nothing_of_code_access_and_delete if {
	every risk in ["code", "access", "delete"] {
		class := {risk: {"groups": ["approvers"], "quorum": 1, "from": {}}}
		call := object.union(calling("a.b", risk), {"standing": true})
		decided("approve", {concat("_", [risk, "needs_approval"])}) with input as call with data.approvals as class
	}
}

test_a_standing_grant_allows_nothing_that_nobody_knows if {
	decided("deny", {"no_rule_matched"}) with input as object.union(calling("a.b", "harmless"), {"standing": true})
}

test_a_class_that_nobody_knows_permits_nothing if {
	decided("deny", {"no_rule_matched"}) with input as calling("a.b", "harmless")
}
