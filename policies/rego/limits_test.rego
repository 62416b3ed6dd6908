package gatehouse_limits_test

import data.gatehouse

member := {
	"tool": {"name": "mail.send", "risk": "outbound", "connector": "gatehouse", "kinds": {"to": "redirects"}, "dataClass": "internal", "money": []},
	"args": {"to": "a@acme.example"},
	"money": null,
	"leaves": [{"at": "/to", "arg": "to", "kind": "redirects", "origin": "user"}],
	"anchored": true,
	"ordered": false,
	"undoable": false,
	"carried": {"hosts": [], "secret": false, "added": false},
	"actor": {"principal": "requester", "display": "Robin", "roles": ["member"], "groups": [], "standing": "member"},
	"channel": {"kind": "web", "visibility": "dm"},
	"ingress": "session",
	"session": {"tainted": false, "outside": false, "pendingAsks": 0, "cardOpen": false, "classesRead": []},
	"recipients": {"count": 1, "firstTime": [], "nobody": false},
	"rejectedBefore": false,
	"budgets": [],
	"uncovered": false,
	"environment": "production",
	"now": "2026-11-02T10:00:00Z",
	"localTime": {"day": "mon", "minute": 600},
}

limits := {"pendingAsks": 3, "conversations": {"dm": "personal", "private": "confidential", "public": "internal", "external": "public"}}

base := {"groups": ["approvers"], "quorum": 1, "from": {}, "confirmIn": []}

outbound(more) := {"outbound": object.union(base, more)}

answers(effect, wanted, call, classes) if {
	decision := gatehouse.decision with input as object.union(member, call)
		with data.approvals as classes
		with data.limits as limits
		with data.automations as {"automation:rent": {"mail.send": {"args": {"to": {"enum": ["a@acme.example"]}}, "spend": false}}}
	decision.effect == effect
	{reason.code | some reason in decision.reasons} == wanted
}

budget(left) := {"budgets": [{"name": "a-day", "needed": 2, "left": left, "text": "some calls are left"}]}

test_a_budget_that_fits_says_nothing if answers("approve", {"outbound_needs_approval"}, budget(2), outbound({}))

test_a_call_over_budget_is_refused if answers("deny", {"budget_exceeded"}, budget(1), outbound({}))

test_a_currency_without_a_budget_is_refused if answers("deny", {"budget_currency"}, {"uncovered": true}, outbound({}))

test_what_was_rejected_stays_rejected if answers("deny", {"rejected_before"}, {"rejectedBefore": true}, outbound({}))

test_a_fourth_ask_is_refused if answers("deny", {"too_many_asks"}, {"session": {"pendingAsks": 3}}, outbound({}))

test_an_approval_is_one_more_whatever_is_on_a_card if answers("deny", {"too_many_asks"}, {"session": {"pendingAsks": 3, "cardOpen": true}}, outbound({}))

test_a_call_to_confirm_goes_on_the_card_that_counts if {
	foreign := {"tool": {"name": "tasks.add", "risk": "write"}, "leaves": [{"at": "/to", "arg": "to", "kind": "redirects", "origin": "tool"}]}
	answers("confirm", {"value_not_from_requester"}, object.union(foreign, {"session": {"pendingAsks": 3, "cardOpen": true}}), {})
	answers("deny", {"too_many_asks"}, object.union(foreign, {"session": {"pendingAsks": 3, "cardOpen": false}}), {})
	answers("deny", {"too_many_asks"}, object.union(foreign, {"session": {"pendingAsks": 3}}), {})
	answers("deny", {"too_many_asks"}, object.union(foreign, {"session": {"pendingAsks": 4, "cardOpen": true}}), {})
}

test_a_small_call_asks_nobody if answers("allow", {"small_enough"}, {}, outbound({"unasked": {"upTo": [], "recipients": 1, "knownRecipients": true}}))

test_a_new_recipient_is_asked_about if {
	answers("approve", {"outbound_needs_approval"}, {"recipients": {"firstTime": ["to"]}}, outbound({"unasked": {"upTo": [], "recipients": 1, "knownRecipients": true}}))
	answers("allow", {"small_enough"}, {"recipients": {"firstTime": ["to"]}}, outbound({"unasked": {"upTo": [], "recipients": 1, "knownRecipients": false}}))
	answers("approve", {"outbound_needs_approval", "first_time_recipient"}, {"recipients": {"firstTime": ["to"]}}, outbound({"firstTime": {"quorum": 2}}))
}

test_a_blast_is_said if answers("approve", {"outbound_needs_approval", "many_recipients"}, {"recipients": {"count": 10}}, outbound({"blast": {"recipients": 10, "quorum": 2}}))

test_sending_after_reading_is_asked_about if {
	answers("approve", {"read_then_send"}, {"session": {"classesRead": ["personal"]}}, outbound({"unasked": {"upTo": [], "recipients": 1, "knownRecipients": true}}))
	fetch := {"tool": {"name": "web.read", "risk": "read", "connector": "http"}, "session": {"classesRead": ["confidential"]}}
	answers("approve", {"read_then_send"}, fetch, outbound({}))
	answers("deny", {"nobody_to_ask"}, fetch, {})
}

test_only_the_roles_of_a_class_ask_for_it if {
	answers("deny", {"role_may_not_ask"}, {}, outbound({"roles": ["buyer"]}))
	answers("approve", {"outbound_needs_approval"}, {}, outbound({"roles": ["member"]}))
}

test_hours_are_kept if {
	hours := {"days": ["mon"], "from": 480, "to": 1080}
	answers("approve", {"outbound_needs_approval"}, {}, outbound({"hours": object.union(hours, {"otherwise": "deny"})}))
	answers("deny", {"outside_hours"}, {"localTime": {"minute": 1080}}, outbound({"hours": object.union(hours, {"otherwise": "deny"})}))
	answers("approve", {"outbound_needs_approval", "outside_hours"}, {"localTime": {"day": "sun"}}, outbound({"hours": object.union(hours, {"otherwise": "ask"})}))
}

test_outside_production_the_requester_may_confirm if {
	answers("confirm", {"confirm_outside_production"}, {"environment": "staging"}, outbound({"confirmIn": ["staging"]}))
	answers("approve", {"outbound_needs_approval"}, {}, outbound({"confirmIn": ["staging"]}))
}

reply(read, more) := object.union(
	{
		"tool": {"name": "conversation.reply", "risk": "write", "dataClass": "public"},
		"session": {"classesRead": read},
		"leaves": [],
	},
	more,
)

test_a_reply_is_held_to_what_was_read if {
	answers("confirm", {"class_above_conversation"}, reply(["personal"], {"channel": {"visibility": "private"}}), outbound({}))
	answers("deny", {"above_clearance"}, reply(["internal"], {"actor": {"clearance": "public"}}), outbound({}))
}

test_a_guest_reads_what_is_public if {
	guest := {"actor": {"standing": "guest"}, "tool": {"name": "gatehouse.help", "risk": "read", "dataClass": "public"}}
	answers("allow", {"guest_allowed"}, guest, {})
	answers("deny", {"guest_reads_public"}, object.union(guest, {"tool": {"dataClass": "internal"}}), {})
	answers("deny", {"guest_reads_public"}, {"channel": {"kind": "email"}, "ingress": "none"}, outbound({}))
}

rent := {"actor": {"principal": "automation:rent", "roles": ["automation"]}}

test_an_automation_keeps_to_its_declaration if {
	answers("allow", {"automation_declared"}, rent, outbound({}))
	answers("approve", {"automation_outside", "outbound_needs_approval"}, object.union(rent, {"args": {"to": "b@acme.example"}}), outbound({}))
	answers("deny", {"automation_limited"}, object.union(rent, {"tool": {"name": "mail.forward"}}), outbound({}))
	stray_write := {"args": {"to": "b@acme.example"}, "tool": {"risk": "write"}}
	answers("confirm", {"automation_outside"}, object.union(rent, stray_write), outbound({}))
}

test_a_read_above_the_clearance_is_refused if {
	read := {"tool": {"name": "customers.list", "risk": "read", "dataClass": "personal"}, "leaves": []}
	answers("deny", {"above_clearance"}, object.union(read, {"actor": {"clearance": "internal"}}), {})
	answers("allow", {"read_allowed"}, read, {})
}

paying(payee) := object.union(
	object.remove(member, ["args", "tool"]),
	{
		"tool": {"name": "ledger.transfer", "risk": "payment", "connector": "postgres", "kinds": {"payee": "redirects", "amount": "sizes", "note": "content"}, "dataClass": "internal", "money": ["amount"]},
		"args": {"payee": payee, "amount": "1", "note": "any"},
		"money": {"cents": 100, "currency": "EUR"},
		"actor": {"principal": "automation:rent", "roles": ["automation"]},
	},
)

pays(effect, call, declared) if {
	decision := gatehouse.decision with input as call
		with data.approvals as {"payment": base}
		with data.limits as limits
		with data.automations as {"automation:rent": {"ledger.transfer": declared}}
	decision.effect == effect
}

test_a_value_fits_its_declaration_whole if {
	payee := {"payee": {"pattern": `\A(?:Landlord|Bank)\z`}}
	pays("allow", paying("Landlord"), {"args": payee, "spend": true})
	pays("approve", paying("Landlords"), {"args": payee, "spend": true})
	pays("approve", paying(7), {"args": payee, "spend": true})
	pays("approve", paying("Landlord"), {"args": payee, "spend": false})
	pays("approve", paying("Landlord"), {"args": object.union(payee, {"iban": {"enum": ["x"]}}), "spend": true})
	pays("approve", paying("Landlord"), {"args": {}, "spend": true})
}

test_mail_that_its_domain_signed_is_from_its_sender if {
	mail := {"channel": {"kind": "email"}, "ingress": "dkim", "tool": {"risk": "read", "name": "ledger.balance"}}
	answers("allow", {"read_allowed"}, mail, {})
	answers("deny", {"guest_reads_public"}, object.union(mail, {"ingress": "none"}), {})
}

test_a_guest_may_be_answered if {
	call := {"actor": {"standing": "guest"}, "tool": {"name": "conversation.reply", "risk": "write"}}
	answers("allow", {"guest_allowed"}, call, {})
}

test_a_reply_past_a_person_below_the_class_is_denied if {
	reply := {"tool": {"name": "conversation.reply", "risk": "write"}, "session": {"classesRead": ["confidential"]}}
	low := object.union(reply, {"actor": {"clearance": "internal"}})
	answers("deny", {"above_clearance"}, low, {})
	answers("allow", {"write_allowed"}, reply, {})
}

small := {"payment": object.union(base, {"unasked": {"recipients": 1, "upTo": [{"currency": "EUR", "cents": 5000}], "roles": ["buyer"]}})}

paid(cents, roles) := {
	"tool": {"name": "ledger.transfer", "risk": "payment", "money": ["amount", "currency"]},
	"money": {"cents": cents, "currency": "EUR"},
	"actor": {"roles": roles},
}

test_a_small_payment_by_the_right_role_is_not_asked_about if {
	answers("allow", {"small_enough"}, paid(5000, ["buyer"]), small)
	answers("approve", {"payment_needs_approval"}, paid(5001, ["buyer"]), small)
	answers("approve", {"payment_needs_approval"}, paid(5000, ["member"]), small)
}

test_a_conversation_of_an_unknown_kind_is_public if {
	reply := {"tool": {"name": "conversation.reply", "risk": "write"}, "channel": {"visibility": "elsewhere"}, "session": {"classesRead": ["internal"]}}
	answers("confirm", {"class_above_conversation"}, reply, {})
}
