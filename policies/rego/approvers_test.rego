package gatehouse_test

import data.gatehouse

quorum_of(call) := quorum if {
	quorum := gatehouse.decision.approvers.quorum with input as call with data.approvals as classes
}

test_one_approver_below_the_amount_and_two_from_it if {
	quorum_of(paying(99999, "EUR")) == 1
	quorum_of(paying(100000, "EUR")) == 2
	decided("approve", {"payment_needs_approval", "two_approvers"}) with input as paying(100000, "EUR")
		with data.approvals as classes
}

test_a_currency_without_a_limit_asks_two if {
	quorum_of(paying(1, "USD")) == 2
	decided("approve", {"payment_needs_approval", "two_approvers_currency"}) with input as paying(1, "USD")
		with data.approvals as classes
}

test_a_class_without_amounts_asks_its_quorum_in_every_currency if {
	flat := {"payment": {"groups": ["approvers"], "quorum": 1, "from": {}}}
	every currency in ["EUR", "USD"] {
		asked := gatehouse.decision with input as paying(500000, currency) with data.approvals as flat
		asked.approvers == {"groups": ["approvers"], "quorum": 1, "excludeRequester": true}
	}
}

test_a_call_without_money_asks_the_quorum_of_its_class if {
	removal := {"delete": {"groups": ["approvers"], "quorum": 3, "from": {}}}
	asked := gatehouse.decision with input as calling("customers.delete", "delete") with data.approvals as removal
	asked.approvers.quorum == 3
}

test_with_nobody_named_nobody_is_asked if {
	nobody := {"payment": {"groups": [], "quorum": 1, "from": {}}}
	every none in [nobody, {}] {
		decided("deny", {"nobody_to_ask"}) with input as paying(1, "EUR") with data.approvals as none
	}
}

test_nothing_and_less_are_not_paid if {
	every cents in [0, -1] {
		decided("deny", {"amount_not_positive"}) with input as paying(cents, "EUR") with data.approvals as classes
	}
}

test_a_payment_says_its_amount if {
	decided("deny", {"amount_missing"}) with input as calling("ledger.transfer", "payment")
		with data.approvals as classes
}

test_whom_a_call_would_ask_is_null_where_nobody_is_named if {
	gatehouse.would_ask == null with input as member
	gatehouse.would_ask.groups == ["approvers"] with input as paying(1, "EUR") with data.approvals as classes
}
