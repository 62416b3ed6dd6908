package gatehouse_test

import data.gatehouse

advising(strict) := denied if {
	call := object.union(paying(1, "EUR"), {"advisory": true})
	denied := codes(gatehouse.denials) with input as call
		with data.approvals.payment as object.union(classes.payment, {"strict": strict})
}

test_a_strict_class_runs_in_gatehouse_only if {
	advising(true) == {"advisory_strict"}
	advising(false) == set()
}

test_what_gatehouse_runs_is_no_advice if {
	count(gatehouse.denials) == 0 with input as paying(1, "EUR")
		with data.approvals.payment as object.union(classes.payment, {"strict": true})
}
