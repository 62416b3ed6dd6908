# The requester's own order opens what can be taken back, and nothing else.
package gatehouse_test

import data.gatehouse

opened(more) := {risk: {"groups": ["approvers"], "quorum": 1, "from": {}, "unasked": object.union({"ownWords": true, "recipients": 1, "knownRecipients": false}, more)} |
	some risk in ["delete", "access", "outbound", "payment", "code", "prod_write"]
}

ordering(risk, change) := object.union(
	calling("files.share", risk),
	object.union({"ordered": true, "undoable": true, "leaves": [leaf("redirects", "user")], "recipients": {"count": 1}}, change),
)

shares(effect, wanted, change) if {
	every risk in ["delete", "access"] {
		codes := {replace_class(code, risk) | some code in wanted}
		decided(effect, codes) with input as ordering(risk, change) with data.approvals as opened({})
	}
}

replace_class("asks", risk) := concat("_", [risk, "needs_approval"])

replace_class(code, _) := code if code != "asks"

test_an_order_in_ones_own_words_asks_nobody if shares("allow", {"own_order"}, {})

test_what_cannot_be_taken_back_asks if shares("approve", {"asks"}, {"undoable": false})

test_values_without_an_order_ask if shares("approve", {"asks"}, {"ordered": false})

test_a_session_that_read_something_from_outside_asks if {
	shares("approve", {"asks"}, {"session": {"tainted": true, "outside": true}})
	shares("allow", {"own_order"}, {"session": {"tainted": true}})
}

test_one_recipient_more_asks if shares("approve", {"asks"}, {"recipients": {"count": 2}})

test_every_value_is_in_ones_own_words if {
	every kind in ["sizes", "selects", "redirects"] {
		every origin in ["unknown", "tool", "mentioned", "found", "composed"] {
			every risk in ["delete", "access"] {
				call := ordering(risk, {"leaves": [leaf("redirects", "user"), leaf(kind, origin)]})
				gatehouse.decision.effect == "approve" with input as call with data.approvals as opened({})
			}
		}
	}
	shares("allow", {"own_order"}, {"leaves": [leaf("redirects", "resolved"), leaf("selects", "constant"), leaf("content", "unknown")]})
}

test_the_file_says_whom_it_opens_for if {
	every limit in [{"roles": ["admin"]}, {"ownWords": false}] {
		gatehouse.decision.effect == "approve" with input as ordering("access", {}) with data.approvals as opened(limit)
	}
	first := ordering("access", {"recipients": {"firstTime": ["to"]}})
	gatehouse.decision.effect == "allow" with input as first with data.approvals as opened({})
	gatehouse.decision.effect == "approve" with input as first with data.approvals as opened({"knownRecipients": true})
}

test_ones_own_words_open_no_other_class if {
	every risk in ["code", "prod_write"] {
		gatehouse.decision.effect == "approve" with input as ordering(risk, {"recipients": {"count": 0}}) with data.approvals as opened({})
	}
}

test_a_guest_and_an_automation_have_no_order if {
	every actor in [{"standing": "guest"}, {"roles": ["automation"]}] {
		call := ordering("access", {"actor": actor})
		gatehouse.decision.effect != "allow" with input as call with data.approvals as opened({})
	}
}

nobody(change) := object.union(
	calling("calendar.create", "outbound"),
	object.union({"recipients": {"count": 0, "nobody": true}, "leaves": [leaf("content", "user")]}, change),
)

known := {"outbound": {"groups": ["approvers"], "quorum": 1, "from": {}, "unasked": {"recipients": 1, "knownRecipients": true, "upTo": []}}}

test_what_reaches_nobody_leaves_nothing if {
	decided("allow", {"small_enough"}) with input as nobody({}) with data.approvals as known
	decided("allow", {"small_enough"}) with input as nobody({"leaves": [leaf("content", "composed")]}) with data.approvals as known
	decided("approve", {"outbound_needs_approval"}) with input as nobody({"recipients": {"nobody": false}}) with data.approvals as known
	every entry in [leaf("sizes", "user"), leaf("content", "constant"), leaf("content", "unknown")] {
		decided("confirm", {"not_about_the_request"}) with input as nobody({"leaves": [entry]}) with data.approvals as known
	}
	decided("confirm", {"text_names_host"}) with input as nobody({"carried": {"hosts": ["evil.example"]}}) with data.approvals as known
}

booking(cents) := object.union(paying(cents, "EUR"), {"ordered": true})

seller(amount, limit) := data_for if {
	data_for := {"payment": {"groups": ["approvers"], "quorum": 1, "from": {}, "unasked": object.union({"recipients": 1, "knownRecipients": false, "upTo": [{"currency": "EUR", "cents": amount}]}, limit)}}
}

test_a_tool_that_always_pays_the_same_is_held_by_its_amount if {
	decided("allow", {"small_enough"}) with input as booking(14200) with data.approvals as seller(14200, {})
	decided("approve", {"payment_needs_approval"}) with input as booking(14201) with data.approvals as seller(14200, {})
	decided("approve", {"payment_needs_approval"}) with input as booking(14200) with data.approvals as seller(14200, {"knownRecipients": true})
	decided("approve", {"payment_needs_approval"}) with input as paying(14200, "EUR") with data.approvals as seller(14200, {})
}

test_a_file_in_a_folder_that_they_named_is_changed_and_nothing_more if {
	asks(aimed("write", "selects", "composed"), set())
	every risk in ["delete", "access", "outbound", "prod_write", "payment"] {
		asks(aimed(risk, "selects", "composed"), {"value_not_from_requester"})
	}
	asks(aimed("write", "redirects", "composed"), {"value_not_from_requester"})
}
