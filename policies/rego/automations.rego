# What runs without a person may do: read, reply, and what automations.yaml declares.
package gatehouse

declared := data.automations[input.actor.principal][input.tool.name] if is_automation

# Inside its declaration each value that decides something is one of those that its owner declared. An amount may be free
# where a daily limit of money holds it.
inside_declaration if {
	declared
	count(strayed) == 0
}

strayed contains name if {
	some name, _ in declared.args
	object.get(input.args, name, null) == null
}

strayed contains name if {
	some name, value in input.args
	not fits(name, value)
}

fits(name, value) if {
	value in declared.args[name].enum
}

fits(name, value) if {
	is_string(value)
	regex.match(declared.args[name].pattern, value)
}

fits(name, _) if {
	input.tool.kinds[name] == "content"
	not declared.args[name]
}

fits(name, _) if {
	name in input.tool.money
	declared.spend
	not declared.args[name]
}

permissions contains {"code": "automation_declared", "text": "The automation's declaration allows this."} if {
	is_known
	inside_declaration
}

denials contains {"code": "automation_limited", "text": "An automation may only read, reply, and do what automations.yaml declares for it."} if {
	is_automation
	not declared
	input.tool.risk != "read"
	not is_reply
}

# Its owner confirms that; where the class of the call asks others, they decide in the owner's place.
confirmations contains {"code": "automation_outside", "text": "This is not within what the automation may do by itself."} if {
	is_automation
	declared
	not inside_declaration
	input.tool.risk != "read"
}
