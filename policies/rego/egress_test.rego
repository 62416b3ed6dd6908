package gatehouse_test

import data.gatehouse

running(egress) := object.union(calling("code.run", "code"), {"args": {"language": "python", "code": "1", "egress": egress}})

# The class asks nobody here.
reaching(egress) := asked if {
	asked := codes(gatehouse.approvals) with input as object.union(running(egress), {"environment": "test"})
		with data.approvals.code as {"groups": ["approvers"], "quorum": 1, "confirmIn": ["test"]}
}

test_code_that_reaches_a_host_asks_others_always if {
	reaching([{"host": "api.example.com"}]) == {"egress_needs_approval"}
	reaching([]) == set()
}
