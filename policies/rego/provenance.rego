# Where values came from decides before anything else does. The gateway traced each of them; a call cannot claim it.
package gatehouse

# What decides where something goes, or which record is changed, comes from the person who asks, from the catalogue, or
# from a directory that was asked with their words.
unvouched contains leaf if {
	some leaf in input.leaves
	decides(leaf)
	not vouched(leaf)
}

decides(leaf) if leaf.kind == "redirects"

decides(leaf) if {
	leaf.kind == "selects"
	input.tool.risk != "read"
}

# How much is paid is nobody else's to say.
decides(leaf) if {
	leaf.arg in input.tool.money
	input.tool.risk == "payment"
}

vouched(leaf) if leaf.origin in {"user", "constant", "resolved"}

# The id of the one record that a question in their own words returned; a deletion asks for more.
vouched(leaf) if {
	leaf.origin == "found"
	leaf.kind == "selects"
	input.tool.risk != "delete"
}

# A file that they named, in a folder that they named: enough for a change of one's own, never for what cannot be undone.
vouched(leaf) if {
	leaf.origin == "composed"
	leaf.kind == "selects"
	input.tool.risk == "write"
}

confirmations contains {"code": "value_not_from_requester", "text": text} if {
	is_person
	names := {leaf.arg | some leaf in unvouched; leaf.origin != "mentioned"}
	count(names) > 0
	text := concat("", ["Not from the person who asks: ", concat(", ", sort(names)), "."])
}

confirmations contains {"code": "value_in_other_role", "text": text} if {
	is_person
	names := {leaf.arg | some leaf in unvouched; leaf.origin == "mentioned"}
	count(names) > 0
	text := concat("", ["Named in the request, but not for this: ", concat(", ", sort(names)), "."])
}

# A change of somebody's own records is about something that they said.
confirmations contains {"code": "not_about_the_request", "text": "Nothing that this would write was named in the request."} if {
	is_person
	input.tool.risk == "write"
	input.tool.connector != "gatehouse"
	not input.anchored
}

# So is an entry that reaches nobody, and by more than its day.
confirmations contains {"code": "not_about_the_request", "text": "Nothing that this would write was named in the request."} if {
	is_person
	input.recipients.nobody
	not is_titled
}

is_titled if {
	some leaf in input.leaves
	leaf.kind != "sizes"
	leaf.origin in {"user", "resolved", "found", "composed"}
}

# Text that leaves carries no address and no secret that the person who asks did not type.
confirmations contains {"code": "text_names_host", "text": text} if {
	is_person
	some host in input.carried.hosts
	text := concat("", ["The text leads to ", host, ", which the request does not name."])
}

confirmations contains {"code": "text_holds_secret", "text": "The text holds what looks like a secret or the number of an account."} if {
	is_person
	input.carried.secret
}

confirmations contains {"code": "text_adds_figures", "text": "The request says what to write, and the text adds figures to it."} if {
	is_person
	input.carried.added
	input.session.tainted
}

# Nobody stands behind an automation whose words could vouch for anything: its declaration does.
is_person if {
	is_known
	not is_automation
}
