package gatehouse_test

test_members_read_and_write if {
	decided("allow", {"read_allowed"}) with input as member
	decided("allow", {"write_allowed"}) with input as calling("crm.note", "write")
}

test_every_other_class_asks_others if {
	every risk in ["prod_write", "delete", "access", "outbound", "code", "unclassified"] {
		class := {risk: {"groups": ["approvers"], "quorum": 1, "from": []}}
		decided("approve", {concat("_", [risk, "needs_approval"])}) with input as calling("a.b", risk)
			with data.approvals as class
	}
}

test_a_class_that_nobody_knows_permits_nothing if {
	decided("deny", {"no_rule_matched"}) with input as calling("a.b", "harmless")
}
