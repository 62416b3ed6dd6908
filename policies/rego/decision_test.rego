package gatehouse_test

import data.gatehouse

test_without_a_rule_the_answer_is_no if {
	decided("deny", {"no_rule_matched"}) with input as calling("crm.note", "prod_wite")
}

test_an_empty_question_is_denied if {
	gatehouse.decision.effect == "deny" with input as {}
}

test_a_denial_is_stricter_than_a_question if {
	call := object.union(paying(0, "EUR"), {"leaves": [leaf("redirects", "unknown")]})
	decided("deny", {"amount_not_positive"}) with input as call with data.approvals as classes
}

test_an_approval_names_what_would_have_been_confirmed if {
	call := object.union(paying(1, "EUR"), {"leaves": [leaf("redirects", "unknown")]})
	decided("approve", {"payment_needs_approval", "value_not_from_requester"}) with input as call
		with data.approvals as classes
}

test_a_confirmation_is_stricter_than_a_permission if {
	call := object.union(
		calling("crm.note", "write"),
		{"leaves": [leaf("selects", "unknown")]},
	)
	decided("confirm", {"value_not_from_requester"}) with input as call
}
