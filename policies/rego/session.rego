# What happened earlier in the session.
package gatehouse

denials contains {"code": "rejected_before", "text": "The same was rejected while this message was worked on. It is not asked again."} if {
	input.rejectedBefore
}

denials contains {"code": "too_many_asks", "text": "Too many requests of this conversation wait for an answer. Wait for one, or withdraw one."} if {
	count(approvals | confirmations) > 0
	asks_besides >= data.limits.pendingAsks
}

# A call that goes on a card with others of its message asks nobody once more; an approval always does.
asks_besides := input.session.pendingAsks - 1 if {
	count(approvals) == 0
	input.session.cardOpen
} else := input.session.pendingAsks

# Somebody looks at what leaves after records of people were read, even where it would leave unasked.
approvals contains {"code": "read_then_send", "text": "Confidential records were read in this session, and this could carry them out."} if {
	is_known
	sends
	some read in input.session.classesRead
	read in {"confidential", "personal"}
}

# Its arguments leave the systems of record: to another host, or into code that runs.
sends if input.tool.risk == "outbound"

sends if input.tool.connector in {"http", "code"}
