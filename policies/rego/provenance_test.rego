package gatehouse_test

import data.gatehouse

aimed(risk, kind, origin) := object.union(calling("crm.note", risk), {"leaves": [leaf(kind, origin)]})

asks(call, wanted) if {
	codes(gatehouse.confirmations) == wanted with input as call
}

test_where_it_goes_comes_from_the_person_the_catalogue_or_a_directory if {
	every origin in ["user", "constant", "resolved"] {
		asks(aimed("write", "redirects", origin), set())
	}
}

test_any_other_origin_is_confirmed if {
	every origin in ["found", "tool", "unknown", "USER", ""] {
		asks(aimed("write", "redirects", origin), {"value_not_from_requester"})
	}
}

test_a_value_that_was_named_for_something_else_is_confirmed_as_that if {
	asks(aimed("write", "redirects", "mentioned"), {"value_in_other_role"})
}

test_a_record_is_asked_about_where_it_is_changed_and_not_where_it_is_read if {
	asks(aimed("write", "selects", "unknown"), {"value_not_from_requester"})
	asks(aimed("read", "selects", "unknown"), set())
	asks(aimed("read", "redirects", "unknown"), {"value_not_from_requester"})
}

test_the_one_record_that_was_found_is_changed_and_not_deleted if {
	asks(aimed("write", "selects", "found"), set())
	asks(aimed("delete", "selects", "found"), {"value_not_from_requester"})
}

sized(risk) := object.union(aimed(risk, "sizes", "unknown"), {"tool": {"money": ["to"]}})

test_an_amount_is_asked_about_where_it_is_paid if {
	asks(sized("payment"), {"value_not_from_requester"})
	asks(sized("write"), set())
	asks(aimed("payment", "sizes", "unknown"), set())
	asks(aimed("payment", "content", "unknown"), set())
}

test_a_write_is_about_something_that_was_said if {
	write := object.union(calling("crm.note", "write"), {"anchored": false})
	asks(write, {"not_about_the_request"})
	asks(object.union(write, {"tool": {"connector": "gatehouse"}}), set())
	asks(object.union(write, {"tool": {"risk": "read"}}), set())
}

test_a_text_that_leads_elsewhere_or_holds_a_secret_is_confirmed if {
	asks(asking({"carried": {"hosts": ["a.example"]}}), {"text_names_host"})
	asks(asking({"carried": {"secret": true}}), {"text_holds_secret"})
	asks(asking({"carried": {"added": true}}), set())
	asks(asking({"carried": {"added": true}, "session": {"tainted": true}}), {"text_adds_figures"})
}

test_an_automation_has_no_words_of_its_own_and_is_not_asked if {
	asks(object.union(aimed("read", "redirects", "unknown"), {"actor": {"roles": ["automation"]}}), set())
}

test_a_stranger_is_denied_and_not_asked if {
	call := object.union(aimed("write", "redirects", "unknown"), {"actor": {"standing": "unknown"}})
	decided("deny", {"actor_unknown"}) with input as call
}
