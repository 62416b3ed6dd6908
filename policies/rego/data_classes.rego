# Who may see what tools return. A reply is a call like any other: it can carry everything that the session has read.
package gatehouse

ranks := {"public": 0, "internal": 1, "confidential": 2, "personal": 3}

clearance := ranks[object.get(input.actor, "clearance", "personal")]

denials contains {"code": "above_clearance", "text": "What this tool returns is above your clearance."} if {
	ranks[input.tool.dataClass] > clearance
	not is_automation
}

denials contains {"code": "above_clearance", "text": "This conversation holds what is above your clearance."} if {
	is_reply
	some read in input.session.classesRead
	ranks[read] > clearance
}

confirmations contains {"code": "class_above_conversation", "text": "Others can read along here, and the reply may hold what is not meant for them."} if {
	is_known
	is_reply
	some read in input.session.classesRead
	ranks[read] > conversation_rank
}

default conversation_rank := 0

conversation_rank := ranks[data.limits.conversations[input.channel.visibility]]
